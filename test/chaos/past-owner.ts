/**
 * Past owner: a router that stood still until another took its partitions, and what its clients then see of it.
 *
 * Two defences keep it silent: its leases have ended by its own clock, and gateways refuse what comes under an older term.
 * Volatile frames show it where both are missing, as no cursor tells that they came before.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { type Finding, findings } from '../harness/checker.ts';
import { startFleet } from '../harness/fleet.ts';
import { createRecorder } from '../harness/history.ts';
import { openWebSocketClient } from '../harness/raw-client.ts';
import { createHmacIssuer } from '../harness/tokens.ts';

/** Long enough that its leases are taken over. */
const stillMs = 5_000;
const rooms = Array.from({ length: 24 }, (_, i) => `hall-${i}`);

export async function pastOwnerFindings(mutants: readonly string[]): Promise<readonly Finding[]> {
  const issuer = createHmacIssuer();
  const fleet = await startFleet({
    ...{ gateways: 1, routers: 2, env: { ...issuer.env, GATEWAY_MESSAGES_PER_SECOND: '200' } },
    preloads: mutants.map((name) => `test/chaos/mutants/${name}.ts`),
  });
  try {
    const url = fleet.gateways[0]?.url ?? '';
    const recorder = createRecorder();
    const ann = await openWebSocketClient('ann', url);
    const bob = await openWebSocketClient('bob', url);
    const sender = await ann.hello({ token: issuer.token('ann'), device: 'phone' });
    const receiver = await bob.hello({ token: issuer.token('bob'), device: 'desk' });
    for (const room of rooms) {
      await bob.request({ type: 'join', room });
      recorder.owes(receiver, `r/${room}`, '', 0);
    }
    bob.listen((message) => {
      if (message.type === 'frame') recorder.received(receiver, message);
    });
    const [router] = fleet.routers;
    router?.signal('SIGSTOP');
    await pause(stillMs);
    router?.signal('SIGCONT');
    // Its own share comes back to it under a new term; what it says under the old one is what is asked for.
    await pause(500);
    for (const [i, room] of rooms.entries()) {
      recorder.sent(sender, `r/${room}`, `v${i}`, i);
      await ann.send({ room }, i, { id: `v${i}`, volatile: true });
    }
    await pause(500);
    ann.cut();
    bob.cut();
    return findings(recorder.history);
  } finally {
    await fleet.stop();
  }
}
