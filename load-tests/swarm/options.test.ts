import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionsOf } from './options.ts';

function problem(...args: string[]): string {
  const said = optionsOf(args);
  assert(typeof said === 'string', `${args} passes`);
  return said;
}

test('what is wrong with an option is said by its name', () => {
  assert.match(problem('--sessions', 'many'), /--sessions is a whole number/);
  assert.match(problem('--hold', '30'), /--hold is a time such as 500ms/);
  assert.match(problem('--url', 'wss://a.example'), /--url needs --secret/);
  assert.match(problem('--timing', 'soon'), /--timing is one of law/);
  assert.match(problem('--gateways', '2', '--kill', '2'), /--kill is a whole number from 0 to 1/);
  assert.match(problem('--sesions', '5'), /sesions/);
});

test('times are read in their units', () => {
  const options = optionsOf(['--ramp', '1.5s', '--hold', '2m', '--every', '200ms']);
  assert(typeof options === 'object');
  assert.deepEqual([options.rampMs, options.holdMs, options.everyMs], [1_500, 120_000, 200]);
});
