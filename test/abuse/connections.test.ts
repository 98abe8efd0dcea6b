import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { upgradeRequest } from '../contracts/raw-socket.ts';
import { useStage } from '../harness/stage.ts';
import { abuseTest, residentBytes, useAttacker } from './abuse.ts';
import { loopbackAddresses } from './orders.ts';

/** Connections that never become flows, or never become sessions. */
const silentFlows = 10_000;
const slowHandshakes = 1_000;
const slowBodies = 500;
const socketsMax = silentFlows + 1_000;

describe('connections that say nothing, or say it slowly, have an end and a bound', () => {
  const stage = useStage({
    transport: 'websocket',
    issuer: 'hmac',
    env: { GATEWAY_SOCKETS_MAX: String(socketsMax) },
  });
  const given = useAttacker();
  const addresses = loopbackAddresses(8);

  abuseTest(
    'slow loris: the request of a WebSocket, and the body of a poll, a byte at a time',
    stage,
    given,
    // Some seconds without the whole of it, and both are over. A head that never came is no request, and has no name.
    { SILENT: slowBodies },
    async ({ attacker, pair }) => {
      const url = stage.fleet.urls()[0]!;
      const before = await stage.fleet.gatewayMetric('gateway_sockets');
      await pair.abused(async () => {
        const first = upgradeRequest();
        await attacker.does({ kind: 'open', url, count: slowHandshakes, addresses, first, tricklesMs: 500 });
        const head = 'POST /v1/poll HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n';
        const poll = { first: head + 'x'.repeat(9_000), charactersAtOnce: head.length, tricklesMs: 500 };
        await attacker.does({ kind: 'open', url, count: slowBodies, addresses, ...poll });
        // Connections that were held are given up some 30 s after they went on.
        await attacker.until(({ open }) => open === 0, 60_000);
      });
      assert.equal(await stage.fleet.gatewayMetric('gateway_sockets'), before, 'nothing is left of them');
    },
  );

  abuseTest(
    'ten thousand WebSockets that never say hello',
    stage,
    given,
    { NO_HELLO: silentFlows / 2 },
    async ({ attacker, pair, t }) => {
      const url = stage.fleet.urls()[0]!;
      const process = stage.fleet.gateways[0]!;
      const before = residentBytes(process);
      const { said } = await pair.abused(async () => {
        await attacker.does({ kind: 'open', url, count: silentFlows, addresses, first: 'upgrade' });
        const bytes = residentBytes(process) - before;
        t.diagnostic(`${Math.round(bytes / silentFlows)} bytes for each of them`);
        assert(bytes < silentFlows * 30_000, `${bytes} bytes more`);
        return attacker.until(({ open }) => open === 0, 40_000);
      });
      // Where they come slower than they are found out, the last of them are closed as suspects, before any upgrade.
      const { NO_HELLO: heard = 0, '': closed = 0 } = said;
      t.diagnostic(`${heard} heard NO_HELLO, ${closed} were closed unheard`);
      assert(heard >= silentFlows / 2, `${heard} of ${silentFlows} heard it`);
      assert.equal(heard + closed, silentFlows, JSON.stringify(said));
    },
  );

  // The gateway does not listen any more when all places are taken, so they have no fault.
  abuseTest('more connections than there may be', stage, given, {}, async ({ attacker, pair }) => {
    const url = stage.fleet.urls()[0]!;
    const { open } = await pair.abused(async () => {
      await attacker.does({ kind: 'open', url, count: socketsMax + 500, addresses, first: 'GET /' });
      await new Promise((resolve) => setTimeout(resolve, 500));
      return attacker.does({ kind: 'fare' });
    });
    assert(open > socketsMax / 2 && open <= socketsMax, `${open} are open`);
  });
});
