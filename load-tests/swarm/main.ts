/**
 * Swarm: holds many sessions of real clients and says what became of them (`npm run swarm`).
 */

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { help, type Options, optionsOf } from './options.ts';
import { progressLine, type Report, reportOf, reportText } from './report.ts';
import { placeAt, placesOf, requireSomebodyAt, type Scene, startScene } from './scene.ts';
import { type Swarm, startSwarm } from './swarm.ts';

const REST_MS = 2_000;
/** How long the last are waited for, after the time to hold. */
const LATE_MS_MAX = 60_000;

const options = optionsOf(process.argv.slice(2));
if (options === undefined || typeof options === 'string') {
  console.error(options === undefined ? help : `swarm: ${options}\n\n${help}`);
  process.exit(options === undefined ? 0 : 64);
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.removeAllListeners(signal);
  process.on(signal, () => stopping.abort());
}
try {
  process.exitCode = (await run(options)) ? 0 : 1;
} catch (error) {
  console.error(`swarm: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
process.exit();

async function run(options: Options): Promise<boolean> {
  const { sessions, urls, pairs, timing, seed } = options;
  const secret = options.secret ?? randomBytes(32).toString('base64url');
  await Promise.all(urls.map(requireSomebodyAt));
  const places = urls.map((url) => placeAt(url));
  const scene = urls.length === 0 ? await startScene({ ...options, secret }) : undefined;
  const tls = places[0]?.tls ?? options.tls;
  let swarm: Swarm | undefined;
  try {
    swarm = await startSwarm({ sessions, tls, secret, timing, pairs, frameEveryMs: options.everyMs, seed });
    await swarm.places(
      scene === undefined ? places.map((main) => ({ main })) : placesOf(scene.fleet.gateways),
    );
    const report = await carriedOut(options, swarm, scene);
    console.log(reportText(report));
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
    return report.good;
  } finally {
    swarm?.stop();
    await scene?.stop();
  }
}

async function carriedOut(options: Options, swarm: Swarm, scene: Scene | undefined): Promise<Report> {
  const tell = progressLine(options.sessions);
  const startMs = performance.now();
  swarm.onTally(tell);
  await unlessStopped(swarm.ramp(options.rampMs));
  const rampedMs = performance.now() - startMs;
  const markedMs = performance.now();
  await swarm.mark();
  await pause(options.holdMs / 3);
  if (scene !== undefined && options.kill > 0) {
    const doomed = scene.fleet.gateways.slice(0, options.kill);
    await Promise.all(doomed.map((gateway) => gateway.kill()));
    await swarm.places(placesOf(scene.fleet.gateways));
  }
  await pause((options.holdMs * 2) / 3);
  await untilAllUp(swarm, options.sessions);
  await swarm.rest();
  await pause(REST_MS);
  const [episode, ledger, tally] = [await swarm.episode(), await swarm.ledger(), swarm.tally()];
  tell.end();
  await swarm.leave();
  return reportOf({ options, rampedMs, heldMs: performance.now() - markedMs, episode, ledger, tally });
}

async function untilAllUp(swarm: Swarm, sessions: number): Promise<void> {
  const untilMs = performance.now() + LATE_MS_MAX;
  while (missing(swarm, sessions) > 0 && performance.now() < untilMs && !stopping.signal.aborted)
    await pause(100);
}

/** Who is on the way to where it was sent is not missing. */
function missing(swarm: Swarm, sessions: number): number {
  const { up, sentAway } = swarm.tally();
  return sessions - up - sentAway;
}

/** Ends early when the user wants it to. */
function pause(ms: number): Promise<void> {
  return unlessStopped(new Promise((resolve) => setTimeout(resolve, ms)));
}

function unlessStopped(act: Promise<void>): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    if (stopping.signal.aborted) return resolve();
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  return Promise.race([act, stopped]);
}
