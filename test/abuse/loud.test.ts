import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { acked, assertFault, useStage } from '../harness/stage.ts';
import { abuseTest, residentBytes, useAttacker } from './abuse.ts';
import { loopbackAddresses } from './orders.ts';

const outboxBytesMax = 262_144;
const deafReaders = 20;
const roomsMax = 256;
const watchesMax = 64;

describe('who is loud, or deaf, costs itself alone', () => {
  const stage = useStage({
    transport: 'websocket',
    issuer: 'hmac',
    env: {
      GATEWAY_OUTBOX_BYTES_MAX: String(outboxBytesMax),
      GATEWAY_ROOMS_MAX: String(roomsMax),
      GATEWAY_WATCHES_MAX: String(watchesMax),
    },
  });
  const given = useAttacker();
  const addresses = loopbackAddresses(4);
  const json = JSON.stringify;

  /** Sessions of the attacker, one for each name. */
  async function sessions(users: readonly string[]): Promise<void> {
    const hellos = users.map((user) => json({ type: 'hello', token: stage.token(user), device: 'phone' }));
    const url = stage.fleet.urls()[0]!;
    await given.attacker.does({
      kind: 'open',
      url,
      count: users.length,
      addresses,
      first: 'upgrade',
      hellos,
    });
    await given.attacker.until(({ welcomed }) => welcomed === users.length, 10_000);
  }

  function names(word: string, count: number): readonly string[] {
    return Array.from({ length: count }, () => stage.name(word));
  }

  abuseTest(
    'readers who stop reading while a room talks to them',
    stage,
    given,
    { SLOW_CONSUMER: deafReaders },
    async ({ attacker, pair, t }) => {
      const room = stage.name('room');
      const speaker = await stage.open(stage.name('speaker'));
      await sessions(names('deaf', deafReaders));
      const join = json({ type: 'join', id: '1', room });
      await attacker.does({ kind: 'say', from: 0, to: deafReaders, texts: [join] });
      const process = stage.fleet.gateways[0]!;
      const before = residentBytes(process);
      let mostBytes = 0;
      await pair.abused(async () => {
        await attacker.does({ kind: 'stopReading' });
        // Past what the kernel takes for each of them, and the outbox.
        for (let n = 0; (await stage.fleet.gatewayMetric('gateway_connections')) > 3 && n < 40; n++) {
          for (let m = 0; m < 10; m++) acked(await speaker.send({ room }, 'x'.repeat(60_000)));
          mostBytes = Math.max(mostBytes, residentBytes(process) - before);
        }
      });
      t.diagnostic(`${Math.round(mostBytes / 1_048_576)} MiB more at most`);
      // The outboxes, the log's copy of what was said, and what the garbage collector has not met yet.
      assert(
        mostBytes < deafReaders * outboxBytesMax + 400 * 60_000 + 100_000_000,
        `${mostBytes} bytes more`,
      );
      acked(await speaker.send({ room }, 'and on'));
    },
  );

  abuseTest(
    'a thousand joins at once, and one room more than there may be',
    stage,
    given,
    { RATE_LIMITED: 300, TOO_MANY_ROOMS: 1, FLOOD: 1 },
    async ({ attacker, pair }) => {
      await sessions(names('joiner', 1));
      const joins = Array.from({ length: 1_000 }, (_, i) =>
        json({ type: 'join', id: `j${i}`, room: `many-${i}` }),
      );
      const cursors = Array.from({ length: roomsMax }, (_, i) => ({
        channel: `r/some-${i}`,
        epoch: 'e',
        position: 0,
      }));
      await pair.abused(async () => {
        await attacker.does({ kind: 'say', from: 0, to: 1, texts: joins });
        await attacker.until(({ said }) => said['FLOOD'] === 1, 5_000);
        const eve = await stage.open(stage.name('eve'), { hello: { cursors } });
        assertFault(await eve.request({ type: 'join', room: 'one-more' }), 'TOO_MANY_ROOMS');
        acked(await eve.request({ type: 'leave', room: 'some-0' }));
        acked(await eve.request({ type: 'join', room: 'one-more' }));
      });
    },
  );

  abuseTest(
    'a storm of presence watches, and of changes to what they watch',
    stage,
    given,
    { TOO_MANY_WATCHES: 50, RATE_LIMITED: 1 },
    async ({ attacker, pair }) => {
      await sessions(names('watcher', 50));
      const watches = Array.from({ length: watchesMax + 1 }, (_, i) =>
        json({ type: 'presence.watch', id: `w${i}`, channel: `r/watched-${i % 8}-${i}` }),
      );
      const joins = Array.from({ length: 8 }, (_, i) =>
        json({ type: 'join', id: `j${i}`, room: `watched-${i}-${i}` }),
      );
      const states = Array.from({ length: 400 }, (_, i) =>
        json({ type: 'presence.set', id: `s${i}`, state: { n: i, rest: 'x'.repeat(900) } }),
      );
      await pair.abused(async () => {
        await attacker.does({ kind: 'say', from: 0, to: 50, texts: watches });
        await attacker.does({ kind: 'say', from: 0, to: 5, texts: joins });
        await attacker.does({ kind: 'say', from: 0, to: 5, texts: states });
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      });
    },
  );

  abuseTest(
    'messages that are no requests, as fast as they go: mistakes, and pings of both kinds',
    stage,
    given,
    { FLOOD: 12, INVALID: 1_000 },
    async ({ attacker, pair }) => {
      await pair.abused(async () => {
        await sessions(names('loud', 12));
        const wrong = Array(3_000).fill(json({ type: 'join', id: '1', room: '' }));
        await attacker.does({ kind: 'say', from: 0, to: 4, texts: wrong });
        await attacker.does({ kind: 'say', from: 4, to: 8, texts: Array(3_000).fill('{"type":"ping"}') });
        await attacker.does({ kind: 'ping', times: 3_000 });
        await attacker.until(({ open }) => open === 0, 5_000);
      });
    },
  );
});
