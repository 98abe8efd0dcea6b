/**
 * Profile: where the time of each process goes, function by function, under one kind of load.
 *
 * `node load-tests/profile.ts --kind durable --rate 5000 --seconds 10 [--one-process] [--bytes 200] [--keep FOLDER]`
 * starts the processes with `--cpu-prof`, puts the load on them, ends them in good order, and prints the functions
 * in which they spent most themselves. `--keep` leaves the profiles there for the developer tools of a browser.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tokenSecret } from './bench/bounds.ts';
import { type CpuProfile, hotspots } from './bench/hotspots.ts';
import { startLoad } from './bench/load.ts';
import { fleetSystem, pause, startBenchFleet } from './bench/scene.ts';

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'durable' },
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '10' },
    bytes: { type: 'string', default: '200' },
    users: { type: 'string', default: '400' },
    top: { type: 'string', default: '40' },
    'one-process': { type: 'boolean', default: false },
    keep: { type: 'string' },
  },
});

const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'snowshed-profile-'));
const env = {
  NODE_OPTIONS: `--cpu-prof --cpu-prof-interval=250 --cpu-prof-dir=${folder}`,
  GATEWAY_DRAIN_MS: '0',
};
const fleet = values['one-process'] ? await startBenchFleet(0, 0, env) : await startBenchFleet(2, 1, env);
const load = startLoad();
const { addresses } = fleetSystem('fleet', fleet);
const count = Number(values.users);
const greeting = { kind: 'native', secret: tokenSecret } as const;
await load.do({ order: 'open', crowd: 'all', greeting, addresses, from: 0, count, atOnce: 32 });
const kind = values.kind === 'volatile' ? 'volatile' : 'durable';
const pace = { framesPerSecond: Number(values.rate) };
await load.do({ order: 'send', crowd: 'all', kind, pace, bodyBytes: Number(values.bytes) });
await pause(Number(values.seconds) * 1_000);
const counts = await load.do({ order: 'rest' });
const processes = [...fleet.gateways, ...fleet.routers];
for (const one of processes) one.signal('SIGTERM');
await Promise.all(processes.map((one) => one.exited));
await fleet.stop();
load.close();

console.log(`${counts?.delivered} frames delivered`);
for (const { name, pid } of processes) {
  const file = readdirSync(folder).find((entry) => entry.includes(`.${pid}.`));
  if (file === undefined) throw new Error(`${name} left no profile`);
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  console.log(`\n${name}`);
  for (const { name: where, micros } of hotspots(profile).slice(0, Number(values.top)))
    console.log(`${(micros / (counts?.delivered ?? 1)).toFixed(2).padStart(8)} µs/frame  ${where}`);
}
if (values.keep === undefined) rmSync(folder, { recursive: true });
