import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { sendsAt, useStage } from '../harness/stage.ts';
import { abuseTest, residentBytes, useAttacker } from './abuse.ts';
import { loopbackAddresses } from './orders.ts';

/** `npm run verify:full` asks for the ten thousand. */
const members = Number(process.env['ABUSE_MEMBERS'] ?? 1_000);
const gateways = members > 2_000 ? 5 : 2;
const frames = 10;
/** From the send to its last recipient, for each thousand of them. */
const msPerThousandMax = 1_000;

describe(`a room of ${members} members over ${gateways} gateways`, () => {
  const stage = useStage({
    transport: 'websocket',
    issuer: 'hmac',
    gateways,
    routers: 1,
    // All of them come from this machine, and in a moment.
    env: {
      GATEWAY_FLOWS_PER_ADDRESS_MAX: String(members),
      GATEWAY_ADDRESS_MESSAGES_PER_SECOND: String(10 * members),
    },
  });
  const given = useAttacker();
  const addresses = loopbackAddresses(8);

  abuseTest('one frame to all of them, ten times', stage, given, {}, async ({ attacker, pair, t }) => {
    const room = stage.name('room');
    const share = members / gateways;
    const join = JSON.stringify({ type: 'join', id: '1', room });
    const before = stage.fleet.gateways.map(residentBytes);
    for (const url of stage.fleet.urls()) {
      const hellos = Array.from({ length: share }, () =>
        JSON.stringify({ type: 'hello', token: stage.token(stage.name('member')), device: 'phone' }),
      );
      await attacker.does({ kind: 'open', url, count: share, addresses, first: 'upgrade', hellos });
    }
    await attacker.until(({ welcomed }) => welcomed === members, 60_000);
    await attacker.does({ kind: 'say', from: 0, to: members, texts: [join] });
    const speaker = await stage.open(stage.name('speaker'));
    await untilAllHear('are you there?');

    /** Until one frame has reached everybody; how long the last of them waited for it, in milliseconds. */
    async function untilAllHear(word: string): Promise<number> {
      for (let n = 0; n < 100; n++) {
        const text = `${word} ${n}`;
        const sentAtMs = Date.now();
        await sendsAt(speaker, { room }, text);
        await new Promise((resolve) => setTimeout(resolve, (members / 1_000) * 200));
        const heard = await attacker.heard(text);
        if (heard.length === members) return Math.max(...heard) - sentAtMs;
      }
      return assert.fail('not everybody is in the room');
    }

    const tookMs: number[] = [];
    await pair.abused(async () => {
      for (let n = 0; n < frames; n++) {
        const sentAtMs = Date.now();
        await sendsAt(speaker, { room }, `frame ${n}`);
        let heard: readonly number[] = [];
        for (let look = 0; look < 200 && heard.length < members; look++) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          heard = await attacker.heard(`frame ${n}`);
        }
        assert.equal(heard.length, members, `frame ${n} reached ${heard.length}`);
        tookMs.push(Math.max(...heard) - sentAtMs);
      }
    });
    const bytes = stage.fleet.gateways.map((one, i) => residentBytes(one) - before[i]!);
    const slowestMs = Math.max(...tookMs);
    t.diagnostic(`the last of ${members} has it after ${tookMs.join(', ')} ms`);
    t.diagnostic(`${Math.round(Math.max(...bytes) / share / 1_024)} KiB for each session at most`);
    assert(slowestMs < (members / 1_000) * msPerThousandMax, `${slowestMs} ms`);
    assert(Math.max(...bytes) < share * 40_000 + 60_000_000, `${bytes} bytes more`);
  });
});
