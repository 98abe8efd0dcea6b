/** Contract of `Leases`: compare-and-set, and a watch that sees everything. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Leases, Taken } from '#bus/seams.ts';
import { type BusUnderTest, type OpenBus, settled, until } from './bus-under-test.ts';

/** @param which the leases, or the settings, which are kept the same way. */
export function leasesContract(name: string, open: OpenBus, which: 'leases' | 'settings' = 'leases'): void {
  function contract(what: string, run: (opened: BusUnderTest) => Promise<void>) {
    test(`${name}: ${what}`, async () => {
      const opened = await open();
      try {
        await run(opened);
      } finally {
        await opened.close();
      }
    });
  }

  contract('a key is taken once, renewed by its revision, released and taken again', async (opened) => {
    const leases = opened.bus[which];
    const first = taken(await set(opened, leases, 'partition.1', 'a', 0));
    assert.deepEqual(await set(opened, leases, 'partition.1', 'b', 0), { kind: 'lost' });
    assert.deepEqual(await set(opened, leases, 'partition.1', 'b', first + 1_000), { kind: 'lost' });
    const second = taken(await set(opened, leases, 'partition.1', 'a2', first));
    assert(second > first);
    assert.deepEqual(await settled(opened, leases.release('partition.1', first)), { kind: 'lost' });
    taken(await settled(opened, leases.release('partition.1', second)));
    assert.deepEqual(await set(opened, leases, 'partition.1', 'c', second), { kind: 'lost' });
    assert(taken(await set(opened, leases, 'partition.1', 'c', 0)) > second);
  });

  contract('of many who try at once, one gets it', async (opened) => {
    const others = [opened.bus, await opened.another(), await opened.another()];
    let revision = 0;
    for (let round = 0; round < 10; round++) {
      const tries = others.flatMap((bus, n) =>
        [0, 1].map((m) => bus[which].compareAndSet('router.x', Buffer.from(`${round} ${n} ${m}`), revision)),
      );
      const outcomes = await settled(opened, Promise.all(tries));
      const won = outcomes.filter(({ kind }) => kind === 'taken');
      assert.equal(won.length, 1);
      assert.equal(outcomes.filter(({ kind }) => kind === 'lost').length, tries.length - 1);
      revision = taken(won[0]!);
    }
  });

  contract('a watch tells what there is, then every change', async (opened) => {
    const other = await opened.another();
    const a = taken(await set(opened, other[which], 'router.a', '1', 0));
    const b = taken(await set(opened, other[which], 'router.b', '1', 0));
    taken(await settled(opened, other[which].release('router.b', b)));
    const seen: string[] = [];
    const cancel = opened.bus[which].watch({
      entry: ({ key, value, revision }) => seen.push(`${key}=${value && Buffer.from(value)}@${revision}`),
      ready: () => seen.push('ready'),
    });
    await until(opened, () => seen.includes('ready'), 'the list is complete');
    assert.deepEqual(seen, [`router.a=1@${a}`, 'ready']);
    const a2 = taken(await set(opened, other[which], 'router.a', '2', a));
    const c = taken(await set(opened, opened.bus[which], 'partition.7', 'x', 0));
    const gone = taken(await settled(opened, other[which].release('router.a', a2)));
    await until(opened, () => seen.length === 5, 'all changes have come');
    assert.deepEqual(seen.slice(2), [`router.a=2@${a2}`, `partition.7=x@${c}`, `router.a=undefined@${gone}`]);
    cancel();
    await set(opened, other[which], 'router.c', '1', 0);
    await opened.pass(100);
    assert.equal(seen.length, 5);
  });

  contract('a watch of nothing is ready too', async (opened) => {
    let ready = 0;
    opened.bus[which].watch({ entry: () => assert.fail('there is none'), ready: () => ready++ });
    await until(opened, () => ready === 1, 'it is ready');
  });
}

function set(
  opened: BusUnderTest,
  leases: Leases,
  key: string,
  value: string,
  revision: number,
): Promise<Taken> {
  return settled(opened, leases.compareAndSet(key, Buffer.from(value), revision));
}

function taken(outcome: Taken): number {
  assert(outcome.kind === 'taken', `it was ${outcome.kind}`);
  return outcome.revision;
}
