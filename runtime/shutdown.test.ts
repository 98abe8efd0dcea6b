import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  /** The lines of the log, and lines of other text as `{ msg }`. */
  readonly lines: readonly {
    readonly msg: string;
    readonly event?: string;
    readonly what?: string;
    readonly problems?: readonly string[];
  }[];
}

const preamble = `
  import { createSystemClock } from ${url('clock.ts')};
  import { createLogger } from ${url('log.ts')};
  import { createSupervisor } from ${url('shutdown.ts')};
  const supervisor = createSupervisor(createLogger('sample', 'info'), createSystemClock());
  setInterval(() => {}, 1000);
  supervisor.onShutdown(() => { console.log('first in, last out'); });
  supervisor.onShutdown(async () => { await null; console.log('last in, first out'); });
`;

function url(file: string): string {
  return JSON.stringify(join(import.meta.dirname, file));
}

/** Runs a process with the preamble; each line it writes may be answered with a signal. */
async function ended(
  script: string,
  signalFor: Readonly<Record<string, NodeJS.Signals>> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', preamble + script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Ended['lines'][number][] = [];
  const reader = createInterface(child.stdout).on('line', (line) => {
    lines.push(line.startsWith('{') ? JSON.parse(line) : { msg: line });
    const signal = signalFor[line];
    if (signal !== undefined) child.kill(signal);
  });
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(reader, 'close')]);
  return { code, signal, lines };
}

function said({ lines }: Ended): readonly string[] {
  return lines.map((line) => line.event ?? line.msg);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} runs the steps in reverse order, and the process ends well`, async () => {
    const end = await ended(`console.log('up');`, { up: signal });
    assert.equal(end.code, 0);
    assert.deepEqual(said(end), ['up', 'process.stopping', 'last in, first out', 'first in, last out']);
  });
}

test('a second signal ends the process at once', async () => {
  const end = await ended(
    `supervisor.onShutdown(() => { console.log('handing over'); return new Promise(() => {}); }); console.log('up');`,
    { up: 'SIGTERM', 'handing over': 'SIGTERM' },
  );
  assert.equal(end.code, 1);
  assert.deepEqual(said(end), ['up', 'process.stopping', 'handing over', 'process.stopped-at-once']);
});

test('a supervised promise that rejects is fatal, named and in order', async () => {
  const end = await ended(`supervisor.supervise(Promise.reject(new Error('gone')), 'the follower');`);
  assert.equal(end.code, 1);
  assert.deepEqual(said(end), ['process.failed', 'last in, first out', 'first in, last out']);
  assert.equal(end.lines[0]?.what, 'the follower');
});

test('a supervised promise that resolves is none of our business', async () => {
  const end = await ended(`supervisor.supervise(Promise.resolve(), 'the follower'); console.log('up');`, {
    up: 'SIGTERM',
  });
  assert.equal(end.code, 0);
});

test('uncaught exceptions and unhandled rejections are fatal', async () => {
  const thrown = await ended(`setTimeout(() => { throw new Error('oops'); }, 1);`);
  assert.equal(thrown.code, 1);
  assert.deepEqual(said(thrown), ['process.uncaught-exception', 'last in, first out', 'first in, last out']);
  const rejected = await ended(`void Promise.reject(new Error('oops'));`);
  assert.equal(rejected.code, 1);
  assert.equal(rejected.lines[0]?.event, 'process.unhandled-rejection');
});

test('a configuration that cannot be used has a line and an exit code of its own', async () => {
  const end = await ended(`
    import { ConfigError } from ${url('config.ts')};
    throw new ConfigError(['KEY_FILE cannot be used: ENOENT']);`);
  assert.equal(end.code, 78);
  assert.deepEqual(said(end), ['process.misconfigured', 'last in, first out', 'first in, last out']);
  assert.deepEqual(end.lines[0]?.problems, ['KEY_FILE cannot be used: ENOENT']);
});

test('a port that another program has is no mistake of ours, and is named', async () => {
  const end = await ended(`
    import { createServer } from 'node:net';
    const first = createServer().listen(0, '127.0.0.1', () => {
      console.log(first.address().port);
      createServer().listen(first.address().port, '127.0.0.1');
    });`);
  assert.equal(end.code, 78);
  const [{ msg: port } = assert.fail(), fatal] = end.lines;
  assert.equal(fatal?.event, 'process.misconfigured');
  assert.deepEqual(fatal?.problems, [
    `cannot listen on 127.0.0.1 port ${port}: another program listens there (EADDRINUSE)`,
  ]);
});

test('a mistake that is no error at all ends the process as well', async () => {
  const end = await ended(`void Promise.reject();`);
  assert.equal(end.code, 1);
  assert.equal(end.lines[0]?.event, 'process.unhandled-rejection');
});

test('a mistake during an orderly stop is not an orderly stop', async () => {
  const end = await ended(
    `supervisor.onShutdown(async () => { setTimeout(() => { throw new Error('late'); }, 1); await new Promise((go) => setTimeout(go, 50)); }); console.log('up');`,
    { up: 'SIGTERM' },
  );
  assert.equal(end.code, 1);
  assert(said(end).includes('process.uncaught-exception'));
});

test('a step that fails does not keep the others from running, and shows in the exit code', async () => {
  const end = await ended(`supervisor.onShutdown(() => { throw new Error('stuck'); }); supervisor.stop(0);`);
  assert.equal(end.code, 1);
  assert.deepEqual(said(end), ['process.shutdown-step-failed', 'last in, first out', 'first in, last out']);
});

test('steps that do not come to an end after a mistake are given up', async () => {
  const end = await ended(`
    import { createVirtualClock } from ${url('clock.ts')};
    import { createSupervisor as create, FATAL_MS_MAX } from ${url('shutdown.ts')};
    const clock = createVirtualClock();
    const other = create(createLogger('other', 'info'), clock);
    other.onShutdown(() => new Promise(() => {}));
    other.supervise(Promise.reject(new Error('gone')), 'the follower');
    await clock.advance(FATAL_MS_MAX - 1);
    console.log('still waiting');
    await clock.advance(1);`);
  assert.equal(end.code, 1);
  assert.deepEqual(said(end), ['process.failed', 'still waiting']);
});

test('stop exits with its code, and the second stop changes nothing', async () => {
  const end = await ended(`supervisor.stop(3); supervisor.stop(4);`);
  assert.equal(end.code, 3);
  assert.deepEqual(said(end), ['last in, first out', 'first in, last out']);
});
