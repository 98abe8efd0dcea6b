/**
 * Announcer: a process with a gateway whose sessions have no connections, on a real bus.
 *
 * `node announcer.ts <first user> <users>`; it says `announced` when all are attached, and holds them until its parent
 * goes.
 */

import { connectNatsBus } from '#bus/nats/bus.ts';
import { createSystemClock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/log.ts';
import { createSystemRandom } from '#runtime/random.ts';
import { createSocketless, socketlessConfig } from './socketless.ts';

const [from = 0, users = 0] = process.argv.slice(2).map(Number);
const config = socketlessConfig(process.env as Record<string, string>);
const clock = createSystemClock();
const log = createLogger('announcer', 'error');
const bus = await connectNatsBus(config, { clock, random: createSystemRandom(), log });
const { gateway, open } = createSocketless(bus, clock, config);
await gateway.start();
await until(() => gateway.notReady() === undefined);
const flows = open(from, users);
await until(() => flows.every((flow) => flow.sent > 0));
process.send?.('announced');
process.on('disconnect', () => process.exit(0));

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise((resolve) => setTimeout(resolve, 20));
}
