import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Calm, Drain, Sample } from './acts.ts';
import { lossGoals } from './goals.ts';
import { verdictOf } from './verdict.ts';

const calm: Calm = {
  ...{ costMicros: 2_000, behindMicros: 100, idleCores: 0.2, setUps: 1_000, usedShare: 1 },
  frames: { medianMs: 2, p99Ms: 4 },
};

/** 1,000 clients, of whom number n is back after n milliseconds; two gateways of a tenth of a core are left. */
function drained(changes: Partial<Drain> = {}, sample: Partial<Sample> = {}): Drain {
  const samples = Array.from({ length: 40 }, (_, i) => ({
    ...{ atMs: 250 * (i + 1), gatewayCores: 0.2, behindCores: 0, swarmCores: 0.1, machineIdleCores: 1 },
    ...{ swarmLateMs: 10, up: 0, waiting: 0, ...sample },
  }));
  return {
    loss: { name: 'half', title: 'half', killed: 2, replaced: false, msMax: 60_000 },
    ...{ sessions: 2_000, gatewaysLeft: 2, allowedCores: 0.2, returnedMs: 0, samples },
    episode: {
      backMs: Float64Array.from({ length: 1_000 }, (_, n) => 10 * (n + 1)),
      inCall: Uint8Array.from({ length: 1_000 }, (_, n) => (n < 10 ? 1 : 0)),
      attempts: new Uint16Array(1_000).fill(2),
      ...{ attempted: [2_000], setUp: [1_000], lost: [1_000], elsewhere: 0 },
      ...{ openTimeouts: 0, handshakeTimeouts: 0, sentOn: 0 },
      awayMs: new Float64Array(),
    },
    ...{ spreadTold: { gatewayMs: 1, fleetMs: 1 }, waitsTold: 0, faults: {}, bytesBefore: 1, bytesMax: 1 },
    door: { arrivals: 2_000, dropped: 0, stops: 1 },
    ...changes,
  };
}

test('the optimum is those lost times their cost in calm over the CPU allowed', () => {
  const verdict = verdictOf(drained(), calm);
  assert.equal(verdict.optimumMs, 2_000 / 0.2);
  assert.equal(verdict.backMs99, 9_900);
  assert.equal(verdict.backMsAll, 10_000);
  assert.equal(verdict.inCallMsAll, 100);
  assert.equal(verdict.attempts, 2);
  assert(lossGoals({ drain: drained(), verdict, calm }).every(({ met }) => met));
});

test('times count from when a fleet that was lost as a whole is there again', () => {
  const loss = { name: 'all', title: 'all', killed: 2, replaced: true, msMax: 60_000 };
  const verdict = verdictOf(drained({ loss, returnedMs: 1_000, allowedCores: 0.4 }), calm);
  assert.equal(verdict.backMs99, 8_900);
  assert.equal(verdict.optimumMs, 2_000 / 0.4);
});

test('who is not back has no time, and the goal is missed', () => {
  const drain = drained();
  drain.episode.backMs.fill(Number.POSITIVE_INFINITY, 900);
  const verdict = verdictOf(drain, calm);
  assert.equal(verdict.backMs99, undefined);
  assert.equal(verdict.backShare, 0.9);
  assert(lossGoals({ drain, verdict, calm }).some(({ met }) => !met));
});

test('a run in which the swarm was late or the machine had no CPU left does not count, unless the gateways used all they may', () => {
  const late = { gatewayCores: 0.1, swarmLateMs: 2_000 };
  assert.match(verdictOf(drained({}, late), calm).bounded ?? '', /the swarm acted/);
  assert.match(
    verdictOf(drained({}, { gatewayCores: 0.1, machineIdleCores: 0 }), calm).bounded ?? '',
    /no CPU/,
  );
  assert.equal(verdictOf(drained({}, { ...late, gatewayCores: 0.19 }), calm).bounded, undefined);
  const drain = drained({}, late);
  const verdict = verdictOf(drain, calm);
  assert(lossGoals({ drain, verdict, calm }).some(({ met, text }) => !met && /does not count/.test(text)));
});

test('the loss of one gateway is told and not judged, but for a run that something else bounded', () => {
  const loss = { name: 'one', title: 'one', killed: 1, replaced: false, msMax: 60_000 };
  const drain = drained({ loss });
  drain.episode.backMs.fill(Number.POSITIVE_INFINITY, 900);
  const verdict = verdictOf(drain, calm);
  assert.deepEqual(lossGoals({ drain, verdict, calm }), []);
  assert.equal(lossGoals({ drain, verdict: { ...verdict, bounded: 'no CPU' }, calm }).length, 1);
});
