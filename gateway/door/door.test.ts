import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createDoor,
  type Door,
  type DoorPolicy,
  decideListening,
  handshaken,
  handshakeWaitMs,
  knocked,
  left,
  nextTurn,
  setUpsPerSecond,
  spent,
  takeFlow,
  tellWaits,
  waits,
  workMs,
} from './door.ts';
import type { WaitingClass } from './waiting-room.ts';

const policy: DoorPolicy = {
  patienceMs: 10_000,
  patienceShare: 0.45,
  handshakeMs: 0.21,
  setUpMs: 0.072,
  speed: 1,
  handshakeShare: 0.5,
  acceptQueueMax: 4_096,
  openMax: 1_600,
  ceiling: undefined,
};

/** Does what the door says for so long, with everybody saying hello at once as this class. */
function worked(
  door: Door,
  fromMs: number,
  forMs: number,
  speed = 1,
  name: WaitingClass = 'resume',
): number[] {
  const setUp: number[] = [];
  let nowMs = fromMs;
  let flow = 1_000_000 + fromMs * 1_000;
  while (nowMs < fromMs + forMs) {
    const turn = nextTurn(door, nowMs);
    if (turn === undefined) {
      nowMs += 1;
      continue;
    }
    const isSetUp = turn === 'setUp' || turn === 'callSetUp';
    const costMs = isSetUp ? policy.setUpMs : policy.handshakeMs;
    if (isSetUp) setUp.push(takeFlow(door, nowMs));
    nowMs += costMs / speed;
    if (!isSetUp) {
      const listener = turn === 'callHandshake' ? 'call' : 'main';
      handshaken(door, listener, true);
      waits(door, flow++, listener === 'call' ? 'call' : name, false, true, nowMs);
    }
    spent(door, turn, costMs / speed, costMs, nowMs);
  }
  return setUp;
}

function knock(door: Door, count: number, listener: 'call' | 'main' = 'main'): number {
  let accepted = 0;
  for (let i = 0; i < count; i++) if (knocked(door, listener)) accepted += 1;
  return accepted;
}

test('[DOOR-7] it listens while a new connection would be through within 0.45 of the patience, and again below that', () => {
  const door = createDoor({ ...policy, openMax: 40_000 }, 0);
  const most = Math.floor(4_500 / (policy.handshakeMs + policy.setUpMs));
  knock(door, most);
  decideListening(door, 0);
  assert.equal(door.listening.main, true);
  knock(door, 1);
  decideListening(door, 0);
  assert.equal(door.listening.main, false);
  assert.equal(door.listening.call, true, 'those in a call have a queue of their own');
  worked(door, 0, 460);
  decideListening(door, 0);
  assert.equal(door.listening.main, true);
});

test('[DOOR-65] the first one who is closed at once is the last one who is accepted, until fewer wait', () => {
  const door = createDoor({ ...policy, openMax: 40_000 }, 0);
  const most = Math.floor(9_000 / (policy.handshakeMs + policy.setUpMs));
  assert.equal(knock(door, most), most);
  assert.deepEqual(door.listening, { call: true, main: true });
  assert.equal(knock(door, 2), 1);
  assert.deepEqual(door.listening, { call: true, main: false });
  decideListening(door, 0);
  assert.equal(door.listening.main, false);
});

test('[DOOR-8] it stops as well when the accept queue nears its bound', () => {
  const door = createDoor(policy, 0);
  decideListening(door, 3_000);
  assert.deepEqual(door.listening, { call: true, main: true });
  decideListening(door, 3_100);
  assert.deepEqual(door.listening, { call: false, main: false });
});

test('[DOOR-9] whoever was let in while it listened is through its handshake within the patience, at half the CPU too', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 20 }),
      fc.constantFrom(0.5, 1),
      (bursts, speed) => {
        const door = createDoor(policy, 0);
        const acceptedAtMs: number[] = [];
        let [nowMs, done] = [0, 0];
        const pass = (forMs: number) => {
          const before = door.handshakes.main;
          worked(door, nowMs, forMs, speed);
          nowMs += forMs;
          for (let i = before - door.handshakes.main; i > 0; i--) {
            assert(nowMs - acceptedAtMs[done++]! <= policy.patienceMs + 600);
          }
        };
        for (const burst of bursts) {
          decideListening(door, 0);
          for (let i = 0; i < burst && door.listening.main; i++) {
            if (!knocked(door, 'main')) break;
            acceptedAtMs.push(nowMs);
            if (i % 400 === 0) decideListening(door, 0);
          }
          pass(500);
        }
        while (door.handshakes.main > 0) pass(500);
      },
    ),
    { numRuns: 10 },
  );
});

test('[DOOR-10] those who came all together before it could stop are closed at once, past 0.9 of the patience', () => {
  const door = createDoor(policy, 0);
  const accepted = knock(door, 100_000);
  assert(Math.abs(accepted - 9_000 / (policy.handshakeMs + policy.setUpMs)) < 2);
  assert.equal(door.handshakes.main, accepted);
  assert(knock(door, 10, 'call') === 10);
});

test('[DOOR-11] no more are open and not set up than may be, and a part is kept for those in a call', () => {
  const door = createDoor({ ...policy, openMax: 160 }, 0);
  knock(door, 1_000);
  for (let i = 0; i < 2_000; i++) {
    const turn = nextTurn(door, 0);
    if (turn === undefined) break;
    assert.equal(turn, 'handshake');
    handshaken(door, 'main', true);
  }
  assert.equal(door.open, 150);
  assert.equal(nextTurn(door, 0), undefined);
  knock(door, 100, 'call');
  for (let turn = nextTurn(door, 0); turn === 'callHandshake'; turn = nextTurn(door, 0)) {
    handshaken(door, 'call', true);
  }
  assert.equal(door.open, 160);
  assert(handshakeWaitMs(door, 100) >= 100 * policy.setUpMs);
});

test('[DOOR-12] those in a call come first, in the handshake and in the set-up', () => {
  const door = createDoor(policy, 0);
  knock(door, 5_000);
  knock(door, 100, 'call');
  const served = worked(door, 0, 100 * (policy.handshakeMs + policy.setUpMs) + 0.3);
  assert.equal(served.length, 100);
  assert.equal(door.handshakes.call, 0);
  assert(door.handshakes.main >= 4_998);
});

test('[DOOR-13] handshakes and set-ups go on side by side: goodput never rests', () => {
  const door = createDoor(policy, 0);
  knock(door, 15_000);
  for (let fromMs = 0; fromMs < 3_000; fromMs += 100) {
    const served = worked(door, fromMs, 100);
    assert(
      served.length > (0.95 * 100) / (policy.handshakeMs + policy.setUpMs),
      `${served.length} at ${fromMs}`,
    );
  }
});

test('[DOOR-14] a set-up that uses a shared ceiling waits for a credit; others pass it', () => {
  const door = createDoor({ ...policy, ceiling: { perSecond: 40, gateways: 2 } }, 0);
  knock(door, 20);
  for (let flow = 1; flow <= 20; flow++) {
    handshaken(door, 'main', true);
    waits(door, flow, flow <= 15 ? 'fresh' : 'resume', flow <= 15, true, 0);
  }
  const first = worked(door, 0, 200);
  assert.deepEqual(
    first.slice().sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 16, 17, 18, 19, 20],
  );
  assert.deepEqual(worked(door, 251, 240), [6, 7, 8, 9, 10]);
  assert.deepEqual(worked(door, 501, 240), [11, 12, 13, 14, 15]);
});

test('[DOOR-15] a limiter that is overloaded for a minute admits its ceiling in every second of it', () => {
  const door = createDoor({ ...policy, ceiling: { perSecond: 200, gateways: 1 } }, 0);
  let flow = 0;
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 1_000; i++) {
      if (door.open >= 1_400) break;
      knock(door, 1);
      handshaken(door, 'main', true);
      waits(door, flow++, 'fresh', true, true, second * 1_000);
    }
    const served = worked(door, second * 1_000, 1_000);
    assert.equal(served.length, 200, `second ${second}`);
  }
});

test('[DOOR-16] flows that leave, before or after their hello, are open no more', () => {
  const door = createDoor(policy, 0);
  knock(door, 2);
  handshaken(door, 'main', true);
  handshaken(door, 'main', false);
  assert.equal(door.open, 1);
  waits(door, 1, 'resume', false, true, 0);
  left(door, 1);
  assert.equal(door.open, 0);
  assert.equal(nextTurn(door, 0), undefined);
});

test('[DOOR-17] those who wait are told how many stand before them, and about how long it takes', () => {
  const door = createDoor(policy, 0);
  for (let flow = 0; flow < 1_000; flow++) {
    knock(door, 1);
    handshaken(door, 'main', true);
    waits(door, flow, 'resume', false, true, flow);
  }
  const etas: number[] = [];
  tellWaits(door, (flow, etaMs, ahead) => {
    assert.equal(ahead, flow);
    etas.push(etaMs);
  });
  assert.equal(etas.length, 1_000);
  assert(etas.every((etaMs, i) => i === 0 || etaMs >= etas[i - 1]!));
  assert(Math.abs(etas.at(-1)! - 1_000 * policy.setUpMs) < 2);
  // While handshakes wait as well, set-ups get half.
  knock(door, 5_000);
  tellWaits(door, (flow, etaMs) => {
    if (flow === 999) assert(Math.abs(etaMs - 2_000 * policy.setUpMs) < 3);
  });
});

test('[DOOR-18] what it reports follows what it measures', () => {
  const door = createDoor(policy, 0);
  knock(door, 20_000);
  const before = { rate: setUpsPerSecond(door), work: workMs(door) };
  worked(door, 0, 3_000, 0.5);
  assert(Math.abs(setUpsPerSecond(door) / before.rate - 0.5) < 0.05);
  const left = door.handshakes.main * (policy.handshakeMs + policy.setUpMs) + door.open * policy.setUpMs;
  assert(Math.abs(workMs(door) / (left / 0.5) - 1) < 0.05);
});
