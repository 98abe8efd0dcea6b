import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '#runtime/clock.ts';
import type { Spread } from '#wire/messages.ts';
import { FlowRecord } from './flow-record.ts';
import type { Dialect, Flow } from './seams.ts';
import type { Session } from './session/record.ts';
import { createSpreadTelling } from './spread-telling.ts';

const configured: Spread = { gatewayMs: 1, fleetMs: 2 };

function telling(count: number) {
  const virtual = createVirtualClock();
  // Each message takes a tenth of a millisecond.
  let spentMs = 0;
  const clock = { ...virtual, monotonicMs: () => virtual.monotonicMs() + spentMs };
  const records = Array.from({ length: count }, (_, number) => {
    const record = new FlowRecord({ number } as Flow, {} as Dialect);
    record.session = { opening: 0 } as Session;
    return record;
  });
  const told = new Map<FlowRecord, Spread[]>();
  let [busy, mostAtOnce] = [false, 0];
  const one = createSpreadTelling({
    clock,
    flows: { all: () => records.values() as MapIterator<FlowRecord> },
    configured,
    busy: () => busy,
    tell(record, event) {
      assert(event.kind === 'spread');
      spentMs += 0.1;
      told.set(record, [...(told.get(record) ?? []), event.spread]);
    },
  });
  return {
    ...{ one, records, told },
    setBusy(to: boolean): void {
      busy = to;
    },
    /** Lets time pass; the most that were told in one turn. */
    async pass(ms: number): Promise<number> {
      for (let at = 0; at < ms; at += 10) {
        const before = [...told.values()].flat().length;
        await virtual.advance(10);
        mostAtOnce = Math.max(mostAtOnce, [...told.values()].flat().length - before);
      }
      return mostAtOnce;
    },
  };
}

test('[SPREAD-20] a change is told to everybody who stands, once, in pieces that hold nobody up', async () => {
  const { one, records, told, pass } = telling(1_000);
  records[7]!.session = { opening: 1 } as Session;
  const changed = { gatewayMs: 10, fleetMs: 20 };
  one.changed(changed);
  assert(one.forWelcome(records[3]!) === changed);
  const most = await pass(3_000);
  assert(most > 0 && most <= 12, `${most} in one turn`);
  for (const record of records) {
    const expected = record === records[3] || record === records[7] ? undefined : [changed];
    assert.deepEqual(told.get(record), expected);
  }
});

test('[SPREAD-21] another change on the way reaches all as well, and nobody is told the older one after it', async () => {
  const { one, records, told, pass } = telling(500);
  one.changed({ gatewayMs: 10, fleetMs: 20 });
  await pass(300);
  const newer = { gatewayMs: 30, fleetMs: 40 };
  one.changed(newer);
  await pass(5_000);
  for (const record of records) {
    assert.deepEqual(told.get(record)!.at(-1), newer);
    assert(told.get(record)!.length <= 2);
  }
});

test('[SPREAD-22] while the door has work nobody is told but in a welcome; afterwards everybody is', async () => {
  const { one, records, told, pass, setBusy } = telling(20);
  assert.deepEqual([one.told(), one.forWelcome(records[0]!)], [undefined, configured]);
  setBusy(true);
  one.changed({ gatewayMs: 10, fleetMs: 20 });
  await pass(1_000);
  assert.equal(told.size, 0);
  setBusy(false);
  await pass(1_000);
  assert.equal(told.size, 20);
});
