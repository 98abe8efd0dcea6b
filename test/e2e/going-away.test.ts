import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sendsAt, useStage } from '../harness/stage.ts';
import { joins } from './protocol/rooms.ts';

describe('a gateway that is told to end hands its sessions over', () => {
  const stage = useStage({
    transport: 'websocket',
    gateways: 3,
    routers: 1,
    env: { GATEWAY_DRAIN_MS: '1000' },
  });

  test('[P1][P4] SIGTERM: bye GOING_AWAY with a spread, and the sessions go on elsewhere', async () => {
    const [leaving, staying] = stage.fleet.gateways;
    assert(leaving !== undefined && staying !== undefined);
    const [ann, room] = [stage.name('ann'), stage.name('room')];
    const alice = await stage.open(ann, { url: staying.url });
    await joins(alice, room);
    const guests = await Promise.all(
      Array.from({ length: 8 }, (_, i) => stage.open(stage.name(`guest-${i}`), { url: leaving.url })),
    );
    for (const guest of guests) await joins(guest, room);
    await sendsAt(alice, { room }, 'before');
    for (const guest of guests) await guest.nextBody('before');

    leaving.signal('SIGTERM');
    const resumed = await Promise.all(
      guests.map(async (guest) => {
        const bye = await guest.next('bye', undefined, 5_000);
        assert.equal(bye.fault, 'GOING_AWAY');
        assert(bye.spreadMs >= 0 && bye.spreadMs <= 60_000);
        assert.equal((await guest.closed).code, 1001);
        await sendsAt(alice, { room }, `while ${guest.welcome.user} is away`);
        return stage.resume(guest);
      }),
    );
    await sendsAt(alice, { room }, 'after');
    for (const [i, again] of resumed.entries()) {
      assert.equal(again.welcome.resumed, true);
      await again.nextBody('after');
      const bodies = [...(guests[i]?.frames() ?? []), ...again.frames()].map((frame) => frame.body);
      assert.equal(bodies.length, guests.length + 2, 'all frames, each once');
      assert.equal(new Set(bodies).size, bodies.length);
    }
    assert.equal(await leaving.exited, 0);
    assert.equal(alice.closing, undefined);
  });

  test('a router that is told to end gives its partitions over at once', async () => {
    const [ann, bob] = [stage.name('ann'), stage.name('bob')];
    const alice = await stage.open(ann);
    const robert = await stage.open(bob);
    const [old] = stage.fleet.routers;
    const next = await stage.fleet.addRouter();
    await next.ready();
    old?.signal('SIGTERM');
    for (let i = 0; i < 40; i++) {
      await sendsAt(alice, { user: bob }, i);
      await robert.nextBody(i, 5_000);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.equal(await old?.exited, 0);
    assert.equal(robert.frames().length, 40);
  });
});
