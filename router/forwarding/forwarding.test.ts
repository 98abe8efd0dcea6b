import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Post } from '#bus/seams.ts';
import { decodeDelivery } from '#wire/nodes.ts';
import {
  addControl,
  addEntry,
  addPresence,
  createDeliveries,
  flush,
  openRoute,
  type Route,
} from './deliveries.ts';
import {
  createForgottenPositions,
  forgottenPositionOf,
  LATER_MS,
  noteKept,
  noteUnread,
} from './forgotten-positions.ts';
import { createLastPositions, lastPositionOf, notePosition } from './last-positions.ts';
import { createVerdicts, holdVerdict, judgedUpTo, takeHeld, type Unheard } from './verdicts.ts';

interface Received {
  readonly subject: string;
  readonly text: string;
}

function setUp(payloadBytesMax: number, taken: () => boolean = () => true) {
  const messages: { subject: string; data: Uint8Array }[] = [];
  const forbidden = new Set<number>();
  let due = 0;
  let dropped = 0;
  const post = {
    payloadBytesMax,
    publish(subject: string, data: Uint8Array) {
      if (taken()) messages.push({ subject, data });
      return true;
    },
  } as unknown as Post;
  const deliveries = createDeliveries({
    post,
    router: 'router',
    mayDeliver: (partition) => !forbidden.has(partition),
    counts: { messages: { inc: () => undefined }, dropped: { inc: () => void dropped++ } },
    due: () => void due++,
    monotonicMs: () => 0,
  });
  return { deliveries, messages, forbidden, dueTimes: () => due, droppedTimes: () => dropped };
}

/** What each route was brought, in order, checked against the numbers of its sections. */
function received(messages: readonly { subject: string; data: Uint8Array }[]): Received[] {
  const last = new Map<string, number>();
  return messages.flatMap(({ subject, data }) => {
    const decoded = decodeDelivery(data);
    assert(decoded !== undefined);
    let at = 0;
    return decoded.delivery.sections.flatMap(
      ({ partition, registration, number, entries, presence = [], control = [] }) => {
        const route = `${subject} ${partition} ${registration}`;
        assert.equal(number, (last.get(route) ?? 0) + 1, route);
        last.set(route, number);
        const texts = entries.map(([channel, position, , bytes]) => {
          const body = Buffer.from(decoded.envelopes.subarray(at, at + bytes)).toString();
          at += bytes;
          return `${channel} ${position} ${body}`;
        });
        const others = [...presence, ...control].map((event) => JSON.stringify(event));
        return [...texts, ...others].map((text) => ({ subject: route, text }));
      },
    );
  });
}

describe('deliveries', () => {
  const items = fc.array(
    fc.record({
      route: fc.nat(5),
      kind: fc.constantFrom('entry', 'entry', 'entry', 'presence', 'control'),
      channel: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      bytes: fc.nat(900),
      flush: fc.nat(9),
    }),
    { maxLength: 60 },
  );

  test('everything arrives in order, in messages of at most half the payload, numbered without a hole', () => {
    fc.assert(
      fc.property(items, (all) => {
        const { deliveries, messages } = setUp(4_096);
        const routes: Route[] = Array.from({ length: 6 }, (_, i) =>
          openRoute(deliveries, `gw${i % 2}`, i, 1, 7 + i),
        );
        const sent = new Map<string, string[]>();
        for (const [position, { route, kind, channel, bytes, flush: flushAt }] of all.entries()) {
          const to = routes[route]!;
          const texts = sent.get(`gw.gw${route % 2} ${route} ${7 + route}`) ?? [];
          sent.set(`gw.gw${route % 2} ${route} ${7 + route}`, texts);
          const event = JSON.stringify(
            kind === 'presence'
              ? { channel, present: [], gone: [{ user: 'u', device: 'd', session: `s${position}` }] }
              : { kind: 'unreachable', session: channel, id: `${position}` },
          );
          if (kind === 'entry') {
            addEntry(
              deliveries,
              to,
              JSON.stringify(channel),
              position,
              1_800_000_000_000,
              Buffer.alloc(bytes, 'x'),
            );
            texts.push(`${channel} ${position} ${'x'.repeat(bytes)}`);
          } else {
            if (kind === 'presence') addPresence(deliveries, to, event);
            else addControl(deliveries, to, event);
            texts.push(event);
          }
          if (flushAt === 0) flush(deliveries);
        }
        flush(deliveries);
        for (const { data } of messages)
          assert(data.length <= 2_048 || decodeDelivery(data)!.delivery.sections.length === 1);
        const got = Map.groupBy(received(messages), ({ subject }) => subject);
        for (const [route, texts] of sent) {
          assert.deepEqual(
            got
              .get(route)
              ?.map(({ text }) => text)
              .sort(),
            texts.sort(),
            route,
          );
        }
      }),
    );
  });

  test('a section whose lease is over is left out, the others of its message go', () => {
    const { deliveries, messages, forbidden, droppedTimes } = setUp(4_096);
    const [one, two] = [openRoute(deliveries, 'gw', 1, 1, 1), openRoute(deliveries, 'gw', 2, 1, 2)];
    forbidden.add(1);
    addEntry(deliveries, one, '"u/a"', 1, 1, Buffer.from('one'));
    addEntry(deliveries, two, '"u/b"', 2, 1, Buffer.from('two'));
    flush(deliveries);
    assert.deepEqual(
      received(messages).map(({ text }) => text),
      ['u/b 2 two'],
    );
    assert.equal(droppedTimes(), 1);
    assert.equal(one.number, 1, 'its number is used up');
  });

  test('a flush is due once a turn', () => {
    const { deliveries, dueTimes } = setUp(4_096);
    const routes = [1, 2, 3].map((n) => openRoute(deliveries, `gw${n}`, n, 1, n));
    for (let i = 0; i < 9; i++) addEntry(deliveries, routes[i % 3]!, '"u/a"', i, 1, Buffer.from('x'));
    assert.equal(dueTimes(), 1);
    flush(deliveries);
    addEntry(deliveries, routes[0]!, '"u/a"', 10, 1, Buffer.from('x'));
    assert.equal(dueTimes(), 2);
  });
});

describe('last positions', () => {
  test('what is told is right, what is not told lies at or below the floor, and no more than the bound is kept', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(40)),
        fc.integer({ min: 2, max: 30 }),
        fc.nat(100),
        (names, channelsMax, start) => {
          const last = createLastPositions(start);
          const truth = new Map<string, number>();
          names.forEach((name, i) => {
            const position = start + 1 + i * 3;
            notePosition(last, `u/${name}`, position, channelsMax);
            truth.set(`u/${name}`, position);
            assert(last.younger.size + last.elder.size <= channelsMax + 2);
          });
          for (const [channel, position] of truth) {
            const told = lastPositionOf(last, channel);
            if (told === undefined)
              assert(position <= last.floor, `${channel} at ${position} above the floor ${last.floor}`);
            else assert.equal(told, position);
          }
        },
      ),
    );
  });
});

describe('forgotten positions', () => {
  const stored = fc.array(
    fc.record({ name: fc.nat(5), afterMs: fc.nat(4_000), keptMs: fc.nat(20_000), asked: fc.boolean() }),
    { maxLength: 80 },
  );

  test('each channel is told the last position that the log has forgotten by then', () => {
    fc.assert(
      fc.property(stored, (frames) => {
        const forgotten = createForgottenPositions();
        const truth: { channel: string; position: number; atMs: number }[] = [];
        let nowMs = 1_000_000;
        frames.forEach(({ name, afterMs, keptMs, asked }, i) => {
          nowMs += afterMs;
          const channel = `u/${name}`;
          noteKept(forgotten, channel, i + 1, nowMs, keptMs, 1_000);
          truth.push({ channel, position: i + 1, atMs: 1_000 * Math.ceil((nowMs + keptMs) / 1_000) });
          if (!asked) return;
          const dead = truth.filter((one) => one.channel === channel && one.atMs <= nowMs);
          const last = dead.length === 0 ? undefined : Math.max(...dead.map(({ position }) => position));
          assert.equal(forgottenPositionOf(forgotten, channel, nowMs, 1_000), last);
        });
      }),
    );
  });

  test('no more than the bound waits or is remembered, and nothing is told that is kept', () => {
    fc.assert(
      fc.property(stored, fc.integer({ min: 2, max: 12 }), (frames, channelsMax) => {
        const forgotten = createForgottenPositions();
        const keptUntil: number[] = [0];
        let nowMs = 1_000_000;
        for (const { name, afterMs, keptMs } of frames) {
          nowMs += afterMs;
          noteKept(forgotten, `u/${name}`, keptUntil.push(nowMs + keptMs) - 1, nowMs, keptMs, channelsMax);
          const waiting = [...forgotten.waiting.values()].reduce((sum, { size }) => sum + size, 0);
          assert.equal(forgotten.waitingCount, waiting);
          assert(waiting <= channelsMax);
          assert(forgotten.younger.size + forgotten.elder.size <= channelsMax + 2);
          const told = forgottenPositionOf(forgotten, `u/${name}`, nowMs, channelsMax);
          if (told !== undefined) assert(keptUntil[told]! <= nowMs);
        }
      }),
    );
  });

  test('what nobody has read is told at once, and new only once', () => {
    const forgotten = createForgottenPositions();
    noteKept(forgotten, 'u/ann', 3, 0, 1_000, 10);
    assert.equal(noteUnread(forgotten, 'u/ann', 2, 5_000, 10), false, 'a later one is forgotten already');
    assert.equal(noteUnread(forgotten, 'u/ann', 7, 5_000, 10), true);
    assert.equal(noteUnread(forgotten, 'u/ann', 7, 5_000, 10), false);
    assert.equal(forgottenPositionOf(forgotten, 'u/ann', 5_000, 10), 7);
  });

  test('what is kept for long takes no room', () => {
    const forgotten = createForgottenPositions();
    noteKept(forgotten, 'u/ann', 1, 0, LATER_MS + 1, 10);
    assert.equal(forgotten.waitingCount, 0);
  });
});

describe('verdicts', () => {
  const frame = (position: number): Unheard => ({
    ...{
      channel: 'u/bob',
      position,
      id: `${position}`,
      fromSession: 's',
      toDevice: undefined,
      toSession: undefined,
    },
    tell: 'gw1',
  });

  test('judged is everything before the first frame that is held; volatile frames hold nothing back', () => {
    const verdicts = createVerdicts(3);
    assert.equal(judgedUpTo(verdicts, 9), 9);
    for (const position of [0, 10, 12]) assert.equal(holdVerdict(verdicts, frame(position)), true);
    assert.equal(holdVerdict(verdicts, frame(13)), false);
    assert.equal(judgedUpTo(verdicts, 20), 9);
    assert.deepEqual(
      takeHeld(verdicts).map(({ position }) => position),
      [0, 10, 12],
    );
    assert.equal(judgedUpTo(verdicts, 20), 20);
  });
});
