import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import Type from 'typebox';
import { Check } from 'typebox/value';
import { ConfigError, commaList, expectation, readConfig } from './config.ts';

const Sample = Type.Object({
  PORT: Type.Integer({ default: 7600, minimum: 0, maximum: 65_535 }),
  SHARE: Type.Number({ default: 0.5, minimum: 0, maximum: 1 }),
  LOUD: Type.Boolean({ default: false }),
  LEVEL: Type.Union([Type.Literal('info'), Type.Literal('warn')], { default: 'info' }),
  MODE: Type.Optional(Type.Enum(['fast', 'safe'])),
  REPLICAS: Type.Optional(Type.Union([Type.Literal(1), Type.Literal(3)])),
  URL: Type.Optional(Type.String({ pattern: '^https?://', title: 'an http or https URL' })),
  SECRET: Type.String({ minLength: 8, writeOnly: true }),
});

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(Sample, env);
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

test('defaults are applied, and what is optional and not set is absent', () => {
  assert.deepEqual(readConfig(Sample, { SECRET: 'long enough' }), {
    PORT: 7600,
    SHARE: 0.5,
    LOUD: false,
    LEVEL: 'info',
    SECRET: 'long enough',
  });
});

test('every type is read as what it is, and other variables are left alone', () => {
  const env = {
    PORT: '0',
    SHARE: '0.25',
    LOUD: 'true',
    LEVEL: 'warn',
    MODE: 'safe',
    REPLICAS: '3',
    URL: 'https://x',
    SECRET: '12345678',
    PATH: '/bin',
  };
  assert.deepEqual(readConfig(Sample, env), {
    PORT: 0,
    SHARE: 0.25,
    LOUD: true,
    LEVEL: 'warn',
    MODE: 'safe',
    REPLICAS: 3,
    URL: 'https://x',
    SECRET: '12345678',
  });
});

test('an empty variable counts as not set', () => {
  assert.equal(readConfig(Sample, { PORT: '', SECRET: 'long enough' }).PORT, 7600);
  assert.deepEqual(problemsOf({ SECRET: '' }), [
    'SECRET is not set; it has to be a text of at least 8 characters',
  ]);
});

test('everything that is wrong is said at once, by name and expectation, and never with the value', () => {
  const problems = problemsOf({
    PORT: '70000',
    SHARE: 'half',
    LOUD: 'yes',
    LEVEL: 'loud',
    MODE: 'slow',
    REPLICAS: '2',
    URL: 'ftp://x',
    SECRET: 'hunter2',
  });
  assert.deepEqual(problems, [
    'PORT has to be an integer from 0 to 65535',
    'SHARE has to be a number from 0 to 1',
    'LOUD has to be true or false',
    'LEVEL has to be one of info, warn',
    'MODE has to be one of fast, safe',
    'REPLICAS has to be one of 1, 3',
    'URL has to be an http or https URL',
    'SECRET has to be a text of at least 8 characters',
  ]);
});

test('only decimal numbers are numbers', () => {
  for (const PORT of ['0x10', '1e3', ' 80', '80 ', '8_0', '80.0', '+80', 'NaN', 'Infinity', '١']) {
    assert.equal(problemsOf({ PORT, SECRET: 'long enough' }).length, 1, PORT);
  }
  for (const SHARE of ['.5', '1.', '1e-1', '--1', '']) {
    assert.equal(problemsOf({ SHARE, SECRET: 'long enough' }).length, SHARE === '' ? 0 : 1, SHARE);
  }
});

test('contradictions are looked for once every variable is right', () => {
  const checks = [
    (config: { PORT: number }) => (config.PORT === 80 ? 'PORT 80 is not for us' : undefined),
    () => 'and then this',
  ];
  assert.throws(() => readConfig(Sample, { PORT: '80', SECRET: 'long enough' }, checks), {
    problems: ['PORT 80 is not for us', 'and then this'],
  });
  assert.throws(() => readConfig(Sample, { PORT: '80', SECRET: 'short' }, checks), {
    problems: ['SECRET has to be a text of at least 8 characters'],
  });
});

test('a default that breaks its own schema is our mistake', () => {
  const Broken = Type.Object({ PORT: Type.Integer({ default: -1, minimum: 0 }) });
  assert.throws(() => readConfig(Broken, {}), { name: 'AssertionError' });
});

test('what is read fits the schema, whatever the environment holds, or its variable is named', () => {
  const variables = fc.record(
    Object.fromEntries(Object.keys(Sample.properties).map((name) => [name, values()])),
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(variables, (env) => {
      try {
        assert(Check(Sample, readConfig(Sample, env)));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        for (const problem of error.problems) assert.match(problem, /^[A-Z]+ (is not set|has to be)/);
      }
    }),
  );
});

function values() {
  return fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.double().map(String),
    fc.constantFrom('true', 'false', 'info', 'safe', '3', 'long enough', 'https://x'),
  );
}

test('a list is what stands between the commas', () => {
  assert.deepEqual(commaList(undefined), []);
  assert.deepEqual(commaList(' a, b,,c '), ['a', 'b', 'c']);
});

test('a bound on one side is said too', () => {
  assert.equal(expectation(Type.Integer({ minimum: 1 })), 'an integer of at least 1');
  assert.equal(expectation(Type.Number({ maximum: 2 })), 'a number of at most 2');
  assert.equal(expectation(Type.String({ minLength: 2, maxLength: 9 })), 'a text of 2 to 9 characters');
  assert.equal(expectation(Type.String({ minLength: 1, maxLength: 9 })), 'a text of at most 9 characters');
  assert.equal(expectation(Type.String()), 'a text');
});

test('a process with a bad environment says what is wrong and exits with 78', () => {
  const script = `
    import Type from 'typebox';
    import { configOrExit } from ${JSON.stringify(join(import.meta.dirname, 'config.ts'))};
    configOrExit(Type.Object({ SNOW_PORT: Type.Integer(), SNOW_SECRET: Type.String({ minLength: 9 }) }));
    console.log('went on');`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
    env: { SNOW_PORT: 'x', SNOW_SECRET: 'hunter2' },
  });
  assert.equal(run.status, 78);
  assert.equal(run.stdout, '');
  assert.equal(
    run.stderr,
    'configuration: SNOW_PORT has to be an integer\n' +
      'configuration: SNOW_SECRET has to be a text of at least 9 characters\n',
  );
});
