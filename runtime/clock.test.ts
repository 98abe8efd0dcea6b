import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSystemClock } from './clock.ts';

/** What was told up to the end of the turns that this many immediates begin. */
function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const next = () => (left-- === 0 ? resolve() : void setImmediate(next));
    next();
  });
}

test('what the end of a turn makes due is done within it, what is only soon due in the next', async () => {
  const clock = createSystemClock();
  const told: string[] = [];
  clock.atEnd(() => {
    told.push('end');
    clock.soon(() => told.push('next turn'));
    clock.atEnd(() => {
      told.push('still the end');
      clock.atEnd(() => told.push('and still'));
    });
    setImmediate(() => told.push('next turn too'));
  });
  clock.atEnd(() => told.push('end of another'));
  assert.deepEqual(told, [], 'never within the call');
  await turns(3);
  assert.deepEqual(told, [
    'end',
    'end of another',
    'still the end',
    'and still',
    'next turn',
    'next turn too',
  ]);
});

test('a turn without an end of its own comes after one that had', async () => {
  const clock = createSystemClock();
  let ends = 0;
  for (let n = 0; n < 3; n++) {
    clock.atEnd(() => ends++);
    await turns(2);
  }
  assert.equal(ends, 3);
});
