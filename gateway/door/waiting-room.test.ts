import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  emptyRoom,
  enter,
  graceMs,
  hindmost,
  inOrder,
  leave,
  nextRing,
  take,
  type WaitingClass,
  type WaitingRoom,
} from './waiting-room.ts';

interface Guest {
  readonly name: WaitingClass;
  readonly openedAtMs: number;
  readonly needsCredit: boolean;
  readonly movable: boolean;
}

const names = Object.keys(graceMs) as WaitingClass[];
const guests = fc.array(
  fc.record({
    name: fc.constantFrom(...names),
    openedAtMs: fc.integer({ min: 0, max: 60_000 }),
    needsCredit: fc.boolean(),
    movable: fc.boolean(),
  }),
  { maxLength: 200 },
);

function filled(all: readonly Guest[]): WaitingRoom {
  const room = emptyRoom();
  all.forEach((guest, flow) => {
    enter(room, flow, guest.name, guest.needsCredit, guest.movable, guest.openedAtMs);
  });
  return room;
}

function served(room: WaitingRoom, hasCredit = true): number[] {
  const order: number[] = [];
  for (let ring = nextRing(room, hasCredit); ring !== undefined; ring = nextRing(room, hasCredit)) {
    order.push(take(room, ring));
  }
  return order;
}

function dueMs({ name, openedAtMs }: Guest): number {
  return openedAtMs + graceMs[name];
}

test('[DOOR-1] those in a call are served first, the others by opening time and the grace of their class', () => {
  fc.assert(
    fc.property(guests, (all) => {
      const order = served(filled(all)).map((flow) => all[flow]!);
      assert.equal(order.length, all.length);
      for (let i = 1; i < order.length; i++) {
        const [before, after] = [order[i - 1]!, order[i]!];
        if (after.name === 'call') assert.equal(before.name, 'call');
        if ((after.name === 'call') === (before.name === 'call')) assert(dueMs(before) <= dueMs(after));
      }
    }),
  );
});

test('[DOOR-2] aging is bounded: whoever is in no call is overtaken by none who opened more than 8 s later', () => {
  const usual = guests.map((all) => all.filter(({ name }) => name !== 'call' && name !== 'pretender'));
  fc.assert(
    fc.property(usual, (all) => {
      const order = served(filled(all)).map((flow) => all[flow]!);
      let latestMs = Number.NEGATIVE_INFINITY;
      for (const guest of order) {
        assert(latestMs - guest.openedAtMs <= 8_000);
        latestMs = Math.max(latestMs, guest.openedAtMs);
      }
    }),
  );
});

test('[DOOR-3] without a credit none is served who needs one, and none of the others waits for it', () => {
  fc.assert(
    fc.property(guests, (all) => {
      const room = filled(all);
      const without = served(room, false);
      assert.equal(without.length, all.filter(({ needsCredit }) => !needsCredit).length);
      assert(without.every((flow) => !all[flow]!.needsCredit));
      assert.equal(room.needCredit, all.length - without.length);
      assert.equal(served(room).length, all.length - without.length);
      assert.equal(room.needCredit, 0);
    }),
  );
});

test('[DOOR-4] the order told is the order served; who left is in neither', () => {
  fc.assert(
    fc.property(guests, fc.array(fc.nat(250), { maxLength: 100 }), (all, leaving) => {
      const room = filled(all);
      for (const flow of leaving) leave(room, flow);
      const told = inOrder(room);
      assert.equal(told.length, room.dues.size);
      assert.deepEqual(new Set(told), new Set([...all.keys()].filter((flow) => !leaving.includes(flow))));
      const dues = (flows: readonly number[]) =>
        flows.map((flow) => [all[flow]!.name === 'call', dueMs(all[flow]!)]);
      assert.deepEqual(dues(served(room)), dues(told));
      assert.deepEqual([room.dues.size, room.settled.size, room.needCredit], [0, 0, 0]);
    }),
  );
});

test('[DOOR-5] those sent on are the last ones, and none who was sent on before', () => {
  fc.assert(
    fc.property(guests, fc.nat(50), (all, count) => {
      const room = filled(all);
      const movable = inOrder(room).filter((flow) => all[flow]!.movable);
      assert.deepEqual(hindmost(room, count), count === 0 ? [] : movable.slice(-count));
    }),
  );
});

test('[DOOR-6] a room through which many pass stays as large as the most that waited at once', () => {
  const room = emptyRoom();
  for (let flow = 0; flow < 100_000; flow++) {
    enter(room, flow, 'fresh', true, true, flow);
    if (flow >= 100) assert(leave(room, flow - 100));
  }
  assert.equal(room.dues.size, 100);
  for (const ring of room.rings) assert(ring.flows.length <= 512, `${ring.flows.length}`);
  assert.deepEqual(
    served(room),
    Array.from({ length: 100 }, (_, i) => 99_900 + i),
  );
});
