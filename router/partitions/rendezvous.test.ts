import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createSeededRandom } from '#runtime/random.ts';
import { desiredOwner } from './rendezvous.ts';

describe('rendezvous', () => {
  const ids = fc.uniqueArray(fc.string({ minLength: 22, maxLength: 22 }), { minLength: 1, maxLength: 12 });

  test('all who see the same routers agree, whatever the order they see them in', () => {
    fc.assert(
      fc.property(ids, fc.nat(4_095), (routers, partition) => {
        assert.equal(desiredOwner(routers, partition), desiredOwner(routers.toReversed(), partition));
      }),
    );
  });

  test('when a router joins, only what it takes moves', () => {
    fc.assert(
      fc.property(
        ids,
        fc.string({ minLength: 23, maxLength: 23 }),
        fc.nat(4_095),
        (routers, joining, partition) => {
          const after = desiredOwner([...routers, joining], partition);
          if (after !== joining) assert.equal(after, desiredOwner(routers, partition));
        },
      ),
    );
  });

  test('shares are even: of 4,096 partitions none of eight routers is a fifth off', () => {
    const { id } = createSeededRandom(7);
    const routers = Array.from({ length: 8 }, id);
    const shares = new Map<string, number>();
    for (let partition = 0; partition < 4_096; partition++) {
      const owner = desiredOwner(routers, partition)!;
      shares.set(owner, (shares.get(owner) ?? 0) + 1);
    }
    for (const router of routers)
      assert(Math.abs((shares.get(router) ?? 0) - 512) < 103, `${shares.get(router)}`);
  });
});
