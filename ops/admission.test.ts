import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import Type from 'typebox';
import { busProperties } from '#bus/config.ts';
import type { Bus } from '#bus/seams.ts';
import { readConfig } from '#runtime/config.ts';
import { connectNode } from '#test/contracts/nats-bus.ts';
import { type NatsServer, startNatsServer } from '#test/harness/nats-server.ts';
import { encodeAdmission, type LoadReport, limitNames } from '#wire/admission.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { doorSubject, LOADS_SUBJECT } from '#wire/subjects.ts';
import { doorsAsked } from './doors.ts';
import type { FleetState } from './fleet.ts';
import { limitsAfter, limitsAsked } from './limits.ts';

async function run(command: 'doors' | 'limits', args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${command}.ts`), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, out, err };
}

test('[OPS-6] limits that are set by a slip of the finger are not set', () => {
  const wrong = [
    ['--set', 'tokenService'],
    ['--set', 'tokenService='],
    ['--set', 'tokenService=many'],
    ['--set', 'tokenService=0'],
    ['--set', 'tokenService=-5'],
    ['--set', 'tokenService=1=2'],
    ['--set', 'tokenservice=500'],
    ['--set', 'tokenService=5', '--clear', 'tokenService'],
    ['--clear', 'everything'],
    ['--dry-run'],
    ['tokenService=500'],
    ['--sett', 'log=1'],
  ];
  for (const args of wrong) assert(limitsAsked(args) instanceof Error, args.join(' '));
  assert.deepEqual(limitsAsked(['--set', 'log=500', '--set', 'perUser=6', '--dry-run']), {
    set: { log: { value: 500, dryRun: true }, perUser: { value: 6, dryRun: true } },
    ...{ clear: [], json: false },
  });
  assert.equal(limitsAsked(['--set', 'log=x', '--help']), limitsAsked(['--help']) === 'help' ? 'help' : '');
});

test('[OPS-7] a limit that is neither set nor cleared stays as it is', () => {
  const limit = fc.record({ value: fc.integer({ min: 1, max: 9 }) });
  const some = fc.dictionary(fc.constantFrom(...limitNames), limit);
  fc.assert(
    fc.property(some, some, fc.subarray([...limitNames]), (standing, set, clear) => {
      const after = limitsAfter(standing, { set, clear });
      for (const name of limitNames) {
        assert.deepEqual(after[name], clear.includes(name) ? undefined : (set[name] ?? standing[name]));
      }
    }),
  );
});

test('[OPS-8] the state of doors is asked for with sense', () => {
  assert.deepEqual(doorsAsked(['--watch', '--json']), { watch: true, json: true, listenMs: 1_500 });
  assert.deepEqual(doorsAsked(['--seconds', '0.5']), { watch: false, json: false, listenMs: 500 });
  for (const args of [['--seconds', '0'], ['--seconds', 'x'], ['--seconds=9999'], ['g1'], ['--jsn']]) {
    assert(doorsAsked(args) instanceof Error, args.join(' '));
  }
});

describe('on a bus', () => {
  let server: NatsServer;
  let bus: Bus;
  before(async () => {
    server = await startNatsServer();
    bus = await connectNode(readConfig(Type.Object(busProperties), { NATS_URL: server.url }));
  });
  after(async () => {
    await bus.close();
    await server.close();
  });

  function reporting(gateway: string, more: Partial<LoadReport>): () => void {
    const news = { v: NODE_VERSION, router: 'r1', term: 7, window: 1, credits: { gateways: 1 } };
    let setUps = 0;
    const timer = setInterval(() => {
      const report: LoadReport = {
        ...{ v: NODE_VERSION, gateway, listening: { main: false, call: true }, connections: 900 },
        ...{ setUpsPerSecond: 400, busyShare: 0, workMs: 2_000, handshakes: 3, waitingFresh: 5, movable: 0 },
        ...{ waiting: { call: 0, stock: 0, resume: 7, fresh: 5, pretender: 0 }, limits: 0 },
        ...{ setUps: ++setUps, ...more },
      };
      bus.post.publish(LOADS_SUBJECT, encodeAdmission(report));
      bus.post.publish(doorSubject(gateway), encodeAdmission(news));
    }, 50);
    return () => clearInterval(timer);
  }

  test('[OPS-9] doors shows who reports, as a table and as JSON', async () => {
    const env = { NATS_URL: server.url };
    const stops = [reporting('g1', {}), reporting('g2', { url: 'https://g2.example' })];
    const [table, json] = await Promise.all([run('doors', [], env), run('doors', ['--json'], env)]);
    for (const stop of stops) stop();
    assert.equal(table.code, 0, table.err);
    assert.match(table.out, /^g1 .*calls only.* 900 /m);
    assert.match(table.out, /^g2\.example /m);
    assert.match(table.out, /decided by router r1 \(term 7\)/);
    const state = JSON.parse(json.out) as FleetState;
    assert.deepEqual([state.gateways.length, state.waiting, state.router], [2, 24, 'r1']);
    assert(state.setUpsPerSecond > 0);
    const none = await run('doors', ['--seconds', '0.3'], env);
    assert.deepEqual([none.code, none.out], [69, 'no gateway reports\n']);
  });

  test('[OPS-10] limits are set, added to, shown and cleared, with what they would have done', async () => {
    const env = { NATS_URL: server.url };
    const shown = async (...args: string[]) => {
      const { code, out, err } = await run('limits', [...args, '--json'], env);
      assert.equal(code, 0, err);
      return JSON.parse(out) as {
        limits: object;
        counts: Record<string, { did: number; would: number }> | null;
      };
    };
    assert.deepEqual(await shown(), { limits: {}, counts: null });
    await shown('--set', 'tokenService=500', '--dry-run');
    await shown('--set', 'perUser=6');
    const both = { tokenService: { value: 500, dryRun: true }, perUser: { value: 6 } };
    const stop = reporting('g1', { wouldLimit: { fresh: 1_234 } });
    const { limits, counts } = await shown();
    stop();
    assert.deepEqual(limits, both);
    assert.deepEqual(counts!['tokenService'], { did: 0, would: 1_234 });
    assert.deepEqual((await shown('--clear', 'tokenService', '--clear', 'log')).limits, {
      perUser: both.perUser,
    });
    const table = await run('limits', [], env);
    assert.match(table.out, /^perUser +6 +enforced/m);
  });
});
