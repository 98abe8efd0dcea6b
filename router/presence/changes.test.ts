import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Member, PresenceEvent } from '#wire/nodes.ts';
import {
  createChanges,
  fittingMembers,
  hasChanges,
  listParts,
  noteChange,
  noteList,
  takeChanges,
} from './changes.ts';
import { createGrace, nextDue, startGrace } from './grace.ts';

const members = fc.uniqueArray(
  fc.record(
    {
      user: fc.string(),
      device: fc.string(),
      session: fc.string(),
      state: fc.json({ maxDepth: 1 }),
    },
    { noNullPrototype: true },
  ),
  { selector: ({ session }) => session, maxLength: 40 },
);

const parsed = (parts: readonly string[]) => parts.map((part) => JSON.parse(part) as PresenceEvent);

describe('lists', () => {
  test('the parts of a list are the list, each within the bound, the first full and all but the last with more', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 300, max: 2_000 }), (all, bytesMax) => {
        const parts = listParts('r/den', all, bytesMax);
        const events = parsed(parts);
        assert.deepEqual(
          events.flatMap(({ present }) => present),
          all,
        );
        events.forEach(({ full, more, gone }, i) => {
          assert.equal(full === true, i === 0);
          assert.equal(more === true, i < events.length - 1);
          assert.deepEqual(gone, []);
        });
        for (const [i, part] of parts.entries()) {
          assert(Buffer.byteLength(part) <= bytesMax + 100 || events[i]!.present.length === 1);
        }
      }),
    );
  });

  test('an answer holds the first that fit', () => {
    fc.assert(
      fc.property(members, fc.nat(3_000), (all, bytesMax) => {
        const [fitting, whole] = fittingMembers(all, bytesMax);
        assert.deepEqual(fitting, all.slice(0, fitting.length));
        assert.equal(whole, fitting.length === all.length);
        if (fitting.length > 0) assert(Buffer.byteLength(JSON.stringify(fitting)) <= bytesMax + 1);
        if (!whole)
          assert(Buffer.byteLength(JSON.stringify(all.slice(0, fitting.length + 1))) > bytesMax - 1);
      }),
    );
  });
});

describe('changes', () => {
  const member = (session: string, state: string): Member => ({ user: 'u', device: 'd', session, state });
  const steps = fc.array(
    fc.oneof(
      fc.tuple(fc.constant('come' as const), fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2')),
      fc.tuple(fc.constant('go' as const), fc.constantFrom('a', 'b', 'c'), fc.constant('')),
      fc.tuple(fc.constant('list' as const), fc.constantFrom('w0', 'w1'), fc.constant('')),
      fc.tuple(fc.constant('take' as const), fc.constantFrom('settled', 'unsettled'), fc.constant('')),
    ),
  );

  test('whoever has had a list and believes what is told afterwards knows who is there', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const there = new Map<string, Member>();
        const watchers = new Set<string>();
        const believed = new Map<string, Map<string, string | undefined>>();
        const changes = createChanges<string>();
        const take = (settled: boolean) => {
          const source = { members: () => [...there.values()], watchers: () => watchers };
          takeChanges(changes, source, settled, 200, (watcher, json) => {
            const { full, present, gone } = JSON.parse(json) as PresenceEvent;
            const belief = full ? new Map<string, string | undefined>() : believed.get(watcher);
            if (belief === undefined) return;
            for (const { session, state } of present) belief.set(session, state);
            for (const { session } of gone) belief.delete(session);
            believed.set(watcher, belief);
          });
        };
        for (const [kind, name, state] of [...all, ['take', 'settled', ''] as const]) {
          if (kind === 'come') {
            there.set(name, member(name, state));
            noteChange(changes, 'r/den', member(name, state), true);
          } else if (kind === 'go' && there.delete(name)) {
            noteChange(changes, 'r/den', member(name, ''), false);
          } else if (kind === 'list') {
            watchers.add(name);
            noteList(changes, 'r/den', name);
          } else if (kind === 'take') take(name === 'settled');
        }
        const truth = [...there].map(([session, { state }]) => [session, state]).sort();
        for (const watcher of watchers)
          assert.deepEqual([...(believed.get(watcher) ?? [])].sort(), truth, watcher);
        assert.equal(hasChanges(changes), false);
      }),
    );
  });
});

describe('grace', () => {
  test('each item is due once, after its time, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(60))), (steps) => {
        const grace = createGrace<number>(100);
        const started: number[] = [];
        const taken: number[] = [];
        let nowMs = 0;
        for (const [start, ms] of steps) {
          nowMs += ms;
          if (start) startGrace(grace, started.push(nowMs) - 1, nowMs);
          for (let item = nextDue(grace, nowMs); item !== undefined; item = nextDue(grace, nowMs)) {
            assert(started[item]! + 100 <= nowMs);
            taken.push(item);
          }
          const due = started.filter((atMs) => atMs + 100 <= nowMs).length;
          assert.deepEqual(
            taken,
            Array.from({ length: due }, (_, i) => i),
          );
        }
      }),
    );
  });
});
