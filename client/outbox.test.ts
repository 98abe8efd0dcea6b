import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Text } from './flow.ts';
import * as box from './outbox.ts';

const limits: box.Outbox['limits'] = {
  messageBytes: 1_000,
  repeatMs: 25_000,
  framesPerSecond: 50,
  framesBurst: 20,
  pending: 8,
};

function asked(id: string, lane = 'u/bob', more: Partial<box.Asked> = {}): box.Asked {
  const text = JSON.stringify({ type: 'send', id }).slice(0, -1);
  return { id, lane, text, bytes: text.length, ttlMs: 30_000, ...more };
}

function open(told = limits): box.Outbox {
  const outbox = box.emptyOutbox();
  box.flowUp(outbox, 1, told);
  return outbox;
}

function idsOf(texts: readonly Text[]): string[] {
  return texts.map((text) => JSON.parse(text(0)).id);
}

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('ask' as const),
        lane: fc.integer({ min: 0, max: 2 }),
        ttlMs: fc.constantFrom(3_000, 30_000),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('serve' as const),
        count: fc.integer({ min: 1, max: 5 }),
        mood: fc.constantFrom('ack' as const, 'ack' as const, 'same-id' as const, 'later' as const),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('hear' as const), count: fc.integer({ min: 1, max: 6 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('lose' as const), reached: fc.integer({ min: 0, max: 8 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'change' as const }) },
  ),
  { minLength: 1, maxLength: 120 },
);

/** A service that keeps its side: a send refused for now is owed, and until it comes again the lane takes no other. */
function createService(laneOf: (id: string) => string) {
  const log = new Map<string, string[]>();
  let inbox: string[] = [];
  let answers: { id: string; fault?: string }[] = [];
  let owed = new Map<string, { ids: string[]; fault: string }>();
  function take(id: string, mood: 'ack' | 'same-id' | 'later'): void {
    const lane = laneOf(id);
    const debt = owed.get(lane) ?? { ids: [], fault: '' };
    const isOwed = debt.ids[0] === id;
    if (debt.ids.length > 0 && !isOwed) {
      if (!debt.ids.includes(id)) debt.ids.push(id);
      answers.push({ id, fault: debt.fault });
      return;
    }
    if (mood !== 'ack') {
      owed.set(lane, { ids: isOwed ? debt.ids : [id], fault: mood === 'later' ? 'LOG_FULL' : 'UNDECIDED' });
      answers.push({ id, fault: owed.get(lane)!.fault });
      return;
    }
    if (isOwed) debt.ids.shift();
    const stored = log.get(lane) ?? [];
    if (!stored.includes(id)) log.set(lane, [...stored, id]);
    answers.push({ id });
  }
  return {
    log,
    receive: (ids: string[]) => inbox.push(...ids),
    serve(count: number, mood: 'ack' | 'same-id' | 'later') {
      for (const id of inbox.splice(0, count)) take(id, mood);
    },
    answered: (count: number) => answers.splice(0, count),
    cut() {
      inbox = [];
      answers = [];
      owed = new Map();
    },
  };
}

test('[OUTBOX-1] whatever is refused, lost or repeated, each lane is stored once and in the order it was asked', () => {
  fc.assert(
    fc.property(steps, (script) => {
      const lanes = new Map<string, string>();
      const order = new Map<string, string[]>();
      const service = createService((id) => lanes.get(id)!);
      const outbox = box.emptyOutbox();
      const outcome = new Map<string, string>();
      let [nowMs, flow, links] = [0, 0, 0];
      const flush = () => {
        const { write, failed } = box.due(outbox, nowMs);
        service.receive(idsOf(write));
        for (const { id, fault } of failed) outcome.set(id, fault);
      };
      const hear = (count: number) => {
        for (const { id, fault } of service.answered(count)) {
          if (fault === undefined) {
            if (box.acked(outbox, id)) outcome.set(id, 'stored');
          } else if (box.nacked(outbox, flow, { id, fault, retryAfterMs: 200 }, nowMs))
            outcome.set(id, fault);
        }
        flush();
      };
      const change = () => {
        service.cut();
        flow = ++links;
        box.flowUp(outbox, flow, limits);
        flush();
      };
      let count = 0;
      for (const step of script) {
        if (step.do === 'ask') {
          const id = `m${++count}`;
          const lane = `u/${step.lane}`;
          lanes.set(id, lane);
          if (box.ask(outbox, asked(id, lane, { ttlMs: step.ttlMs }), nowMs) === undefined) {
            order.set(lane, [...(order.get(lane) ?? []), id]);
          }
          flush();
        } else if (step.do === 'serve') service.serve(step.count, step.mood);
        else if (step.do === 'hear') hear(step.count);
        else if (step.do === 'pass') {
          nowMs += step.ms;
          flush();
        } else if (step.do === 'lose') {
          service.serve(step.reached, 'ack');
          service.cut();
          flow = 0;
          box.flowLost(outbox);
          flush();
        } else change();
      }
      change();
      for (let i = 0; i < 400 && outbox.entries.size > 0; i++) {
        service.serve(100, 'ack');
        hear(100);
        nowMs += 100;
        flush();
      }
      assert.equal(outbox.entries.size, 0);
      assert.equal(outbox.bytes, 0);
      for (const [lane, ids] of order) {
        const stored = service.log.get(lane) ?? [];
        assert.deepEqual(
          stored,
          ids.filter((id) => stored.includes(id)),
        );
        for (const id of ids) {
          const said = outcome.get(id);
          if (said === 'stored') assert(stored.includes(id));
          else if (said !== 'UNKNOWN')
            assert(!stored.includes(id), `${id} is stored, and was said to be ${said}`);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('[OUTBOX-2] a new flow gets what is unanswered first, in order, under the same ids, with its age', () => {
  const outbox = open();
  for (const id of ['a', 'b', 'c']) box.ask(outbox, asked(id), 0);
  assert.deepEqual(idsOf(box.due(outbox, 0).write), ['a', 'b', 'c']);
  box.acked(outbox, 'b');
  box.flowLost(outbox);
  box.ask(outbox, asked('d'), 100);
  assert.deepEqual(box.due(outbox, 100).write, []);
  box.flowUp(outbox, 2, limits);
  const written = box.due(outbox, 1_500).write.map((text) => JSON.parse(text(1_500)));
  assert.deepEqual(written, [
    { type: 'send', id: 'a', ageMs: 1_500 },
    { type: 'send', id: 'c', ageMs: 1_500 },
    { type: 'send', id: 'd' },
  ]);
});

test('[OUTBOX-13] a send says how old it is when it goes, however long ago it was handed to its flow', () => {
  const outbox = open();
  box.ask(outbox, asked('a'), 0);
  const [first] = box.due(outbox, 1_000).write;
  box.flowLost(outbox);
  box.flowUp(outbox, 2, limits);
  const [again] = box.due(outbox, 3_000).write;
  const ages = [first, again].map((text) => JSON.parse(text!(9_000)).ageMs);
  assert.deepEqual(ages, [8_000, 8_000]);
  assert.equal(JSON.parse(first!(1_000)).ageMs, undefined);
});

test('[OUTBOX-14] what the client asks by itself is not given up for being refused for now, however late', () => {
  const outbox = open();
  const request = { ttlMs: undefined, own: true };
  box.ask(outbox, asked('mine', 'watch', request), 0);
  box.ask(outbox, asked('the app’s', 'other', { ...request, own: false }), 0);
  box.due(outbox, 0);
  for (const id of ['mine', 'the app’s'])
    assert.equal(box.nacked(outbox, 1, { id, fault: 'UNAVAILABLE', retryAfterMs: 500 }, 40_000), false);
  const { write, failed } = box.due(outbox, 40_500);
  assert.deepEqual(idsOf(write), ['mine']);
  assert.deepEqual(failed, [{ id: 'the app’s', fault: 'UNAVAILABLE' }]);
});

test('[OUTBOX-3] a refusal stops its lane until all that was written is answered and the time has passed; others go on', () => {
  const outbox = open();
  for (const id of ['a', 'b']) box.ask(outbox, asked(id), 0);
  box.due(outbox, 0);
  assert.equal(box.nacked(outbox, 1, { id: 'a', fault: 'UNDECIDED', retryAfterMs: 500 }, 10), false);
  box.ask(outbox, asked('c'), 20);
  box.ask(outbox, asked('other', 'u/eve'), 20);
  assert.deepEqual(idsOf(box.due(outbox, 20).write), ['other']);
  assert.deepEqual(box.due(outbox, 600).write, [], 'b has no answer yet');
  box.nacked(outbox, 1, { id: 'b', fault: 'UNDECIDED', retryAfterMs: 500 }, 600);
  assert.equal(box.due(outbox, 700).wakeMs, 1_100);
  assert.deepEqual(idsOf(box.due(outbox, 1_100).write), ['a', 'b', 'c']);
});

test('[OUTBOX-4] an answer of an older flow: a stored send is stored, a refusal is out of date', () => {
  const outbox = open();
  for (const id of ['a', 'b']) box.ask(outbox, asked(id), 0);
  box.due(outbox, 0);
  box.flowUp(outbox, 2, limits);
  box.due(outbox, 10);
  assert.equal(box.nacked(outbox, 1, { id: 'a', fault: 'MOVED' }, 20), false);
  assert.equal(box.nacked(outbox, 1, { id: 'a', fault: 'FORBIDDEN' }, 20), false);
  assert.equal(box.acked(outbox, 'b'), true);
  assert.equal(box.acked(outbox, 'b'), false, 'the repeat is answered too, and nobody waits for that');
  assert.deepEqual([...outbox.entries.keys()], ['a']);
});

test('[OUTBOX-5] what became of a send is said as far as it is known', () => {
  const ends = (prepare: (outbox: box.Outbox) => void): readonly box.Failed[] => {
    const outbox = open();
    box.ask(outbox, asked('a', 'u/bob', { ttlMs: 10_000 }), 0);
    prepare(outbox);
    const { failed } = box.due(outbox, 10_000);
    assert.equal(outbox.entries.size, 0);
    return failed;
  };
  assert.deepEqual(ends(box.flowLost), [{ id: 'a', fault: 'NOT_SENT' }]);
  assert.deepEqual(
    ends((outbox) => box.due(outbox, 0)),
    [{ id: 'a', fault: 'UNKNOWN' }],
  );
  const refused = (fault: string) => (outbox: box.Outbox) => {
    box.due(outbox, 0);
    box.nacked(outbox, 1, { id: 'a', fault, retryAfterMs: 60_000 }, 1);
  };
  assert.deepEqual(ends(refused('LOG_FULL')), [{ id: 'a', fault: 'LOG_FULL' }]);
  assert.deepEqual(ends(refused('UNDECIDED')), [{ id: 'a', fault: 'UNKNOWN' }]);
});

test('[OUTBOX-6] a send is repeated within the time of the service and its own, whichever is shorter', () => {
  for (const [ttlMs, untilMs] of [
    [5_000, 5_000],
    [60_000, 25_000],
  ] as const) {
    const outbox = open();
    box.ask(outbox, asked('a', 'u/bob', { ttlMs }), 0);
    assert.equal(box.due(outbox, 0).wakeMs, untilMs);
    box.flowUp(outbox, 2, limits);
    assert.deepEqual(idsOf(box.due(outbox, untilMs - 1).write), ['a']);
    box.flowUp(outbox, 3, limits);
    assert.deepEqual(box.due(outbox, untilMs).write, []);
  }
});

test('[OUTBOX-7] whatever is asked and when, the pace and the number under way stay below those of the service', () => {
  const arrivals = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 50, maxLength: 300 });
  fc.assert(
    fc.property(
      arrivals,
      fc.integer({ min: 5, max: 100 }),
      fc.integer({ min: 2, max: 40 }),
      (gapsMs, framesPerSecond, framesBurst) => {
        const outbox = open({ ...limits, framesPerSecond, framesBurst, pending: 5 });
        const writtenMs: number[] = [];
        let [nowMs, askMs, asks, underWay] = [0, 0, 0, [] as string[]];
        const arrivalsMs = gapsMs.map((gapMs) => (askMs += gapMs));
        while (writtenMs.length < arrivalsMs.length) {
          while (asks < arrivalsMs.length && arrivalsMs[asks]! <= nowMs)
            box.ask(outbox, asked(`m${asks++}`, `u/${asks % 9}`, { ttlMs: 1e6 }), nowMs);
          const { write } = box.due(outbox, nowMs);
          underWay.push(...idsOf(write));
          for (const _ of write) writtenMs.push(nowMs);
          assert(underWay.length <= 5);
          if (nowMs % 3 === 0) for (const id of underWay.splice(0, 2)) box.acked(outbox, id);
          nowMs++;
          assert(nowMs < 1e6);
        }
        for (let i = 0; i < writtenMs.length; i++) {
          const inSecond = writtenMs.filter(
            (atMs) => atMs >= writtenMs[i]! && atMs < writtenMs[i]! + 1_000,
          ).length;
          assert(inSecond <= 0.95 * framesPerSecond + Math.max(1, framesBurst / 2) + 1);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('[OUTBOX-8] it is bounded by number and by bytes, and what is too large for the service never leaves', () => {
  const outbox = box.emptyOutbox();
  for (let i = 0; i < box.OUTBOX_COUNT_MAX; i++) assert.equal(box.ask(outbox, asked(`m${i}`), 0), undefined);
  assert.equal(box.ask(outbox, asked('more'), 0), 'OUTBOX_FULL');
  const large = box.emptyOutbox();
  assert.equal(box.ask(large, asked('a', 'l', { bytes: box.OUTBOX_BYTES_MAX }), 0), undefined);
  assert.equal(box.ask(large, asked('b', 'l', { bytes: 1 }), 0), 'OUTBOX_FULL');
  assert.deepEqual(box.flowUp(large, 1, limits), [{ id: 'a', fault: 'TOO_LARGE' }]);
  assert.equal(large.bytes, 0);
  assert.equal(box.ask(large, asked('c', 'l', { bytes: 1_001 }), 0), 'TOO_LARGE');
});

test('[OUTBOX-9] what is volatile goes out now or never', () => {
  const outbox = box.emptyOutbox();
  assert.equal(box.ask(outbox, asked('a', 'l', { once: true }), 0), 'NOT_SENT');
  box.flowUp(outbox, 1, limits);
  assert.equal(box.ask(outbox, asked('b', 'b', { once: true }), 0), undefined);
  assert.deepEqual(idsOf(box.due(outbox, 0).write), ['b']);
  assert.deepEqual(box.flowUp(outbox, 2, limits), [{ id: 'b', fault: 'UNKNOWN' }]);
  box.ask(outbox, asked('c', 'c', { once: true }), 0);
  box.due(outbox, 0);
  assert.equal(box.nacked(outbox, 2, { id: 'c', fault: 'RATE_LIMITED', retryAfterMs: 10 }, 0), true);
  box.ask(outbox, asked('d', 'd', { once: true }), 0);
  assert.deepEqual(box.flowLost(outbox), [{ id: 'd', fault: 'NOT_SENT' }]);
});

test('[OUTBOX-10] a request that is no send is repeated until it is answered; refused, for half a minute', () => {
  const outbox = open();
  box.ask(outbox, asked('a', 'r/room', { ttlMs: undefined }), 0);
  box.due(outbox, 0);
  box.flowUp(outbox, 2, limits);
  const late = 3_600_000;
  assert.deepEqual(
    box.due(outbox, late).write.map((text) => text(late)),
    ['{"type":"send","id":"a"}'],
  );
  box.nacked(outbox, 2, { id: 'a', fault: 'UNAVAILABLE' }, 3_600_000);
  assert.deepEqual(box.due(outbox, 3_600_001).failed, [{ id: 'a', fault: 'UNAVAILABLE' }]);

  box.ask(outbox, asked('b', 'r/room', { ttlMs: undefined }), 4_000_000);
  box.due(outbox, 4_000_000);
  box.nacked(outbox, 2, { id: 'b', fault: 'UNAVAILABLE' }, 4_000_000);
  assert.deepEqual(idsOf(box.due(outbox, 4_001_000).write), ['b']);
});

test('[OUTBOX-11] only what was never written can be taken back; the rest keeps its place', () => {
  const outbox = open();
  box.ask(outbox, asked('a'), 0);
  assert.equal(box.takeBack(outbox, 'a'), true);
  assert.equal(box.takeBack(outbox, 'a'), false);
  box.ask(outbox, asked('b'), 0);
  box.due(outbox, 0);
  assert.equal(box.takeBack(outbox, 'b'), false);
  box.flowUp(outbox, 2, limits);
  assert.deepEqual(idsOf(box.due(outbox, 1).write), ['b']);
});

test('[OUTBOX-12] over polls a lane waits for the answers to what was written before; what waits goes together', () => {
  const outbox = box.emptyOutbox();
  box.flowUp(outbox, 1, limits, false);
  box.ask(outbox, asked('a'), 0);
  assert.deepEqual(idsOf(box.due(outbox, 0).write), ['a']);
  for (const id of ['b', 'c']) box.ask(outbox, asked(id), 0);
  box.ask(outbox, asked('other', 'u/eve'), 0);
  assert.deepEqual(idsOf(box.due(outbox, 0).write), ['other']);
  box.acked(outbox, 'a');
  assert.deepEqual(idsOf(box.due(outbox, 10).write), ['b', 'c']);
});
