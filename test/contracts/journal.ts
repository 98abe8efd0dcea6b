/** Contract of `Journal`: everything ever written and kept, to everyone, in order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BusUnderTest, type OpenBus, settled, until } from './bus-under-test.ts';

export function journalContract(name: string, open: OpenBus): void {
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

  contract('who follows is brought all there is, told so, and then what comes', async (opened) => {
    const other = await opened.another();
    const sequences: number[] = [];
    for (const text of ['a', 'b', 'c']) {
      sequences.push(await settled(opened, other.journal.append(Buffer.from(text))));
    }
    const seen: string[] = [];
    const cancel = opened.bus.journal.follow({
      entry: ({ sequence, data }) => seen.push(`${sequence}:${Buffer.from(data)}`),
      caughtUp: () => seen.push('caught up'),
    });
    await until(opened, () => seen.includes('caught up'), 'it has caught up');
    assert.deepEqual(seen, [...sequences.map((n, i) => `${n}:${'abc'[i]}`), 'caught up']);
    const later = await settled(opened, opened.bus.journal.append(Buffer.from('d')));
    assert(later > sequences[2]!);
    await until(opened, () => seen.length === 5, 'the next has come');
    assert.equal(seen[4], `${later}:d`);
    cancel();
    await settled(opened, other.journal.append(Buffer.from('e')));
    await opened.pass(100);
    assert.equal(seen.length, 5);
  });

  contract('an empty journal is caught up with at once', async (opened) => {
    let caughtUp = 0;
    opened.bus.journal.follow({ entry: () => assert.fail('there is none'), caughtUp: () => caughtUp++ });
    await until(opened, () => caughtUp === 1, 'it has caught up');
  });
}
