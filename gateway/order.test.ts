/**
 * That sends keep their order (P2) across gateways that freeze, links that hold what they carry, a log that is full or
 * frozen, and a client that moves on meanwhile: a model of all of them in virtual time around the real session.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeEnvelope } from '#wire/envelope.ts';
import { faults } from '#wire/faults.ts';
import { createHearing, HEARING_TICK_MS, type Hearing, ticked, unreadMs } from './hearing.ts';
import type { Answer, Identity, OutboundFrame } from './seams.ts';
import { Session, type SessionEffect, type SessionEvent, type SessionPolicy } from './session/record.ts';
import { step } from './session/session.ts';

const allowed = () => true;
const policy: SessionPolicy = {
  rights: { mayJoin: allowed, maySendRoom: allowed, maySendUser: allowed, mayWatch: allowed },
  ...{ gateway: 'g', partitions: 64, rate: { perSecond: 1_000, burst: 1_000 }, refusalsMax: 100 },
  ...{ pendingMax: 1_000, roomsMax: 1, watchesMax: 1, ttlMsDefault: 30_000, ttlMsMax: 86_400_000 },
  ...{ repeatMsMax: 28_000, retryAfterMs: 500 },
};
const channel = 'u/bob';
const dedupWindowMs = 30_000;
const answerMsMax = 2_500;
const againMs = 200;
const hopMs = 2;
const noticedMs = 2_000;
const alice: Identity = {
  ...{ user: 'alice', rights: {}, issuedAt: 0, expiresAt: 1e15, tokenId: undefined, resumes: undefined },
};

type Append = Extract<SessionEffect, { kind: 'append' }>;

/** One that does nothing until a moment; what comes meanwhile comes then, in its order. */
interface Sleeper {
  untilMs: number;
}

interface Gateway extends Sleeper {
  readonly hearing: Hearing;
  readonly out: Sleeper;
  readonly in: Sleeper;
  /** Since when its link holds something; what it notices of it. */
  heldSinceMs: number;
}

interface Flow {
  readonly gateway: Gateway;
  readonly session: Session;
  ended: boolean;
  /** Numbers its appends, so that a late answer is not taken for that of another. */
  appends: number;
}

interface Pending {
  readonly id: string;
  readonly firstMs: number;
  readonly ttlMs: number;
  refused: boolean;
}

type Trouble = {
  readonly kind: 'freeze' | 'hold-out' | 'hold-in' | 'full' | 'log-frozen' | 'replace' | 'vanish' | 'burst';
  readonly afterMs: number;
  readonly ms: number;
  readonly gateway: number;
};

function createWorld(sendEveryMs: number) {
  let nowMs = 1_000;
  let order = 0;
  const events: { atMs: number; order: number; act: () => void }[] = [];
  const gateways: Gateway[] = Array.from({ length: 2 }, () => ({
    ...{ untilMs: 0, hearing: createHearing(nowMs), heldSinceMs: Infinity },
    ...{ out: { untilMs: 0 }, in: { untilMs: 0 } },
  }));
  const log = { untilMs: 0, fullUntilMs: 0 };
  /** Everything stored, also what came too late to exist. */
  const stored: { messageId: string; id: number; atMs: number; exists: boolean }[] = [];
  const acknowledged = new Map<number, number>();
  const pending = new Map<string, Pending>();
  let flow: Flow | undefined;
  let sent = 0;
  let repeating = false;

  function after(ms: number, act: () => void, place = ++order): void {
    events.push({ atMs: nowMs + ms, order: place, act });
  }

  /** Acts when all of these are awake, and not before what came before. */
  function awake(sleepers: readonly Sleeper[], act: () => void, place = ++order): void {
    const untilMs = Math.max(...sleepers.map((sleeper) => sleeper.untilMs));
    if (untilMs <= nowMs) act();
    else after(untilMs - nowMs, () => awake(sleepers, act, place), place);
  }

  function run(untilMs: number): void {
    while (events.length > 0) {
      const next = events.reduce((a, b) =>
        b.atMs < a.atMs || (b.atMs === a.atMs && b.order < a.order) ? b : a,
      );
      if (next.atMs > untilMs) break;
      events.splice(events.indexOf(next), 1);
      nowMs = next.atMs;
      next.act();
    }
    nowMs = untilMs;
  }

  // The client.

  function send(ttlMs = 60_000): void {
    const id = `${++sent}`;
    pending.set(id, { id, ttlMs, firstMs: nowMs, refused: false });
    if (flow !== undefined) post(flow, pending.get(id)!, 0);
  }

  function repeat(which: (send: Pending) => boolean): void {
    for (const send of [...pending.values()]) {
      if (!which(send)) continue;
      const ageMs = Math.round(nowMs - send.firstMs);
      send.refused = false;
      if (ageMs >= Math.min(policy.repeatMsMax, send.ttlMs)) pending.delete(send.id);
      else if (flow !== undefined) post(flow, send, ageMs);
    }
  }

  function open(gateway: Gateway): void {
    const session = new Session(1, alice, 's', 'd', 'replace');
    step(session, { kind: 'open', cursors: [] }, moment(gateway), policy);
    const cursor = { channel: 'u/alice', epoch: 'e', position: 0 };
    step(session, { kind: 'attached', channel: 'u/alice', watch: false, cursor }, moment(gateway), policy);
    flow = { gateway, session, ended: false, appends: 0 };
    repeat(() => true);
  }

  /** The session goes on at a gateway that answers; the one before learns of it from the bus, if it can. */
  function move(to: number, silently: boolean): void {
    const before = flow;
    flow = undefined;
    if (before !== undefined) {
      const end = () => {
        before.ended = true;
      };
      // The end of the connection is read behind what was written on it.
      if (!silently) after(hopMs, () => awake([before.gateway], end));
      else after(2 * hopMs, () => awake([before.gateway, before.gateway.in], () => after(hopMs, end)));
    }
    const gateway = [gateways[to]!, ...gateways].find(({ untilMs }) => untilMs <= nowMs);
    if (gateway !== undefined) open(gateway);
    else after(400, () => flow === undefined && move(to, silently));
  }

  function answered(from: Flow, id: string, answer: Answer): void {
    const send = pending.get(id);
    if (send === undefined) return;
    if (answer.ok) {
      pending.delete(id);
      acknowledged.set(Number(id), 'position' in answer ? (answer.position ?? 0) : 0);
    } else if (from === flow) refused(send, answer.fault, answer.retryAfterMs);
  }

  function refused(send: Pending, fault: keyof typeof faults, retryAfterMs = 100): void {
    if (faults[fault].retry === 'never') return void pending.delete(send.id);
    send.refused = true;
    if (repeating) return;
    repeating = true;
    after(retryAfterMs, () => {
      repeating = false;
      repeat((one) => one.refused);
    });
  }

  // Gateways.

  function moment(gateway: Gateway) {
    const busUp = nowMs - gateway.heldSinceMs < noticedMs;
    return {
      nowMs,
      monotonicMs: nowMs,
      logMs: nowMs,
      busUp,
      keptMs: 0,
      unreadMs: unreadMs(gateway.hearing, nowMs),
    };
  }

  function post(to: Flow, { id, ttlMs }: Pending, ageMs: number): void {
    const frame: OutboundFrame = {
      ...{ id, to: { channel }, kind: 'test', format: 'json', body: id, ttlMs, ageMs },
      ...{ volatile: false, tellIfUnreachable: false },
    };
    after(hopMs, () =>
      awake([to.gateway], () =>
        feed(to, { kind: 'request', request: { op: 'send', id, frame }, traceparent: 't' }),
      ),
    );
  }

  function feed(to: Flow, event: SessionEvent): void {
    if (to.ended) return;
    for (const effect of step(to.session, event, moment(to.gateway), policy)) {
      if (effect.kind === 'answer') after(hopMs, () => answered(to, effect.id, effect.answer));
      if (effect.kind === 'append')
        after(effect.again ? againMs : 0, () => awake([to.gateway], () => append(to, effect)));
    }
  }

  function append(by: Flow, { id, messageId, data }: Append): void {
    const { gateway } = by;
    const number = ++by.appends;
    const outcome = (kind: Extract<SessionEvent, { kind: 'appended' }>['outcome']) => {
      if (by.appends !== number) return;
      by.appends++;
      feed(by, { kind: 'appended', channel, id, outcome: kind });
    };
    after(answerMsMax, () => awake([gateway], () => outcome({ kind: 'undecided' })));
    after(hopMs, () =>
      awake([gateway.out, log], () => {
        const answer = storedAs(messageId, id, data);
        after(hopMs, () => awake([gateway.in, gateway], () => outcome(answer)));
      }),
    );
  }

  // The log.

  function storedAs(messageId: string, id: string, data: Uint8Array) {
    const known = stored.findIndex((one) => one.messageId === messageId && nowMs - one.atMs <= dedupWindowMs);
    if (known >= 0) return { kind: 'stored', position: known + 1 } as const;
    if (nowMs < log.fullUntilMs) return { kind: 'refused', fault: 'LOG_FULL' } as const;
    const envelope = decodeEnvelope(data);
    assert(typeof envelope !== 'string');
    const { notAfter = Infinity } = envelope.header;
    stored.push({ messageId, id: Number(id), atMs: nowMs, exists: nowMs <= notAfter });
    return { kind: 'stored', position: stored.length } as const;
  }

  // What is done to them.

  function tick(gateway: Gateway): void {
    // Sockets are read before timers run.
    awake([gateway], () => {
      after(0, () => ticked(gateway.hearing, nowMs));
      after(HEARING_TICK_MS, () => tick(gateway));
    });
  }

  function hold(gateway: Gateway, side: Sleeper, ms: number): void {
    side.untilMs = Math.max(side.untilMs, nowMs + ms);
    gateway.heldSinceMs = Math.min(gateway.heldSinceMs, nowMs);
    after(ms + 1, () => {
      if (Math.max(gateway.out.untilMs, gateway.in.untilMs) < nowMs) gateway.heldSinceMs = Infinity;
    });
  }

  function trouble({ kind, ms, gateway: number }: Trouble): void {
    const gateway = gateways[number]!;
    if (kind === 'freeze') gateway.untilMs = Math.max(gateway.untilMs, nowMs + ms);
    else if (kind === 'hold-out') hold(gateway, gateway.out, ms);
    else if (kind === 'hold-in') hold(gateway, gateway.in, ms);
    else if (kind === 'full') log.fullUntilMs = nowMs + ms / 4;
    else if (kind === 'log-frozen') log.untilMs = nowMs + ms;
    else if (kind === 'burst') for (let n = 0; n < 5; n++) send(n === 3 ? 5_000 : undefined);
    else move(number, kind === 'vanish');
  }

  function sendOn(): void {
    send();
    after(sendEveryMs, sendOn);
  }

  open(gateways[0]!);
  for (const gateway of gateways) tick(gateway);
  sendOn();
  return {
    stored,
    acknowledged,
    play(troubles: readonly Trouble[]): void {
      for (const one of troubles) {
        run(nowMs + one.afterMs);
        trouble(one);
      }
      run(nowMs + 60_000);
    },
    get sent() {
      return sent;
    },
  };
}

const troubles = fc.array(
  fc.record({
    kind: fc.constantFrom<Trouble['kind']>(
      ...(['freeze', 'hold-out', 'hold-in', 'full', 'log-frozen', 'replace', 'vanish', 'burst'] as const),
    ),
    afterMs: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 8_000 })),
    ms: fc.integer({ min: 500, max: 20_000 }),
    gateway: fc.integer({ min: 0, max: 1 }),
  }),
  { minLength: 1, maxLength: 14, size: 'max' },
);

function judge(sendEveryMs: number, plan: readonly Trouble[]): void {
  const world = createWorld(sendEveryMs);
  world.play(plan);
  const existing = world.stored.filter(({ exists }) => exists).map(({ id }) => id);
  let last = 0;
  for (const id of existing) {
    assert(id !== last && existing.indexOf(id) === existing.lastIndexOf(id), `${id} is there twice`);
    assert(id > last, `${id} came after ${last}`);
    last = id;
  }
  for (const [id, position] of world.acknowledged) {
    assert.equal(world.stored[position - 1]?.id, id);
    assert.equal(world.stored[position - 1]?.exists, true, `${id} was acknowledged, and does not exist`);
  }
}

test('[P1][P2] whatever freezes, holds, is full or moves on: each frame once, in the order sent, and acknowledged ones exist', () => {
  fc.assert(fc.property(fc.integer({ min: 90, max: 900 }), troubles, judge));
});

test('[P1] a send that lay unread at a gateway and is repeated at another one: what is acknowledged exists', () => {
  judge(90, [
    { kind: 'freeze', afterMs: 0, ms: 2_050, gateway: 0 },
    { kind: 'freeze', afterMs: 2_299, ms: 5_756, gateway: 0 },
    { kind: 'log-frozen', afterMs: 6_009, ms: 19_693, gateway: 0 },
    { kind: 'vanish', afterMs: 0, ms: 500, gateway: 0 },
  ]);
});
