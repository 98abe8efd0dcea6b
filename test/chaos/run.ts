/**
 * Run: a fleet whose clocks lie five minutes apart, a crowd that talks, and faults by chance; judged at the end.
 *
 * One fault of a process begins every second or two, so that several overlap; clients are hurt all the time.
 * All choices come from the seed; what the machine does between them does not.
 */

import { createSeededRandom, type Random } from '#runtime/random.ts';
import { type Finding, lifeOf } from '../harness/checker.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { sdkSessions } from '../harness/sdk-session.ts';
import { createHmacIssuer, type RotatingIssuer } from '../harness/tokens.ts';
import { type Crowd, gatherCrowd } from './crowd.ts';
import { clientFaults, type Fault, type FaultKind, processFaults, type Scene } from './faults.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly ms: number;
  readonly rooms: number;
  readonly membersPerRoom: number;
  readonly framesPerSecond: number;
  /** The faults of processes, in this order and then again; else all of them, shuffled. */
  readonly kinds?: readonly FaultKind[];
  /** For how long something is stopped, slow or cut at most. */
  readonly faultMsMax: number;
  /** Whose clients: such as know nothing of the SDK, or the SDK itself (raw). */
  readonly clients?: Clients;
  readonly name?: string;
  /** Ends as soon as something is wrong, for runs in which something has to be. */
  readonly untilWrong?: boolean;
  /** Told each ten seconds how far it is. */
  progress?(line: string): void;
  /** How long everything outstanding is waited for at the end. */
  readonly settleMs?: number;
}

export type Clients = 'raw' | 'sdk';

export interface ChaosReport {
  readonly seed: number;
  readonly ms: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly received: number;
  readonly resumptions: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly findings: readonly Finding[];
  /** What failed beside the promises: a session that could not be resumed, a send without an answer. */
  readonly failures: readonly string[];
  /** When which fault began and ended, as lines. */
  readonly timeline: readonly string[];
}

export interface ChaosFleet {
  readonly fleet: Fleet;
  token(user: string): string;
  stop(): Promise<void>;
}

const graceMs = 2_000;
const settleMsDefault = 45_000;
const clientFaultMs = 120;
const progressMs = 10_000;
/** However the fleet was hurt, a client is back after this; one of the SDK may have asked a process that stands still. */
const comesBackMsMax = { raw: 20_000, sdk: 45_000 };
const faultPauseMs = { min: 700, spread: 1_300 };
const atOnceMax = 2;

/** Each process two and a half minutes before or behind: any two may lie five minutes apart. */
function clockShiftOf(name: string): string {
  return /[02468]$/.test(name) ? '150000' : '-150000';
}

export async function startChaosFleet(
  bus: 'alone' | 'cluster',
  { preloads = [], logMegabytes = 16 }: { preloads?: readonly string[]; logMegabytes?: number } = {},
): Promise<ChaosFleet> {
  const issuer: Pick<RotatingIssuer, 'env' | 'token'> = createHmacIssuer();
  const fleet = await startFleet({
    gateways: 3,
    routers: 2,
    bus,
    linked: true,
    preloads: ['test/harness/clock-shift.ts', ...preloads],
    envOf: (name) => ({ CLOCK_SHIFT_MS: clockShiftOf(name) }),
    env: {
      ...issuer.env,
      PRESENCE_GRACE_MS: `${graceMs}`,
      GATEWAY_DRAIN_MS: '2000',
      GATEWAY_IDLE_MS: '8000',
      // Small enough that a flood of seconds fills it.
      LOG_BYTES_MAX: `${logMegabytes * 1_048_576}`,
      GATEWAY_MESSAGES_PER_SECOND: '2000',
      GATEWAY_USER_MESSAGES_PER_SECOND: '2000',
      GATEWAY_PENDING_MAX: '4096',
    },
  });
  return {
    fleet,
    // Whoever is behind must not take a token for one of the future.
    token: (user) => issuer.token(user, { issuedSeconds: -600, lifeSeconds: 86_400 }),
    stop: () => fleet.stop(),
  };
}

export async function runChaos(stage: ChaosFleet, options: ChaosOptions): Promise<ChaosReport> {
  const { seed, ms, rooms, membersPerRoom, framesPerSecond, name = '' } = options;
  // Whoever waits for something wrong does not wait for presence as well.
  const presence = options.untilWrong === true ? {} : { graceMs };
  const crowd = await gatherCrowd({
    ...{ stage, rooms, membersPerRoom, framesPerSecond, seed, name },
    ...presence,
    ...(options.clients === 'sdk' ? { sessionOf: sdkSessions() } : {}),
  });
  // Faults draw from their own numbers, so that how many frames were sent does not move them.
  const random = createSeededRandom(seed + 1);
  const scene: Scene = {
    fleet: stage.fleet,
    token: (user) => stage.token(user),
    crowd: { ...crowd, random },
    msMax: options.faultMsMax,
    hurt: new Set(),
  };
  const journal = createJournal();
  const startMs = performance.now();
  const telling = setInterval(() => {
    const passed = Math.round((performance.now() - startMs) / 1_000);
    const { sent } = crowd.recorder.history;
    const acknowledged = sent.reduce((count, frame) => count + Number(frame.position !== undefined), 0);
    const now = [...journal.underWay].join(', ');
    options.progress?.(`${passed} s, ${acknowledged} of ${sent.length} acknowledged; now: ${now}`);
  }, progressMs);
  try {
    const endMs = performance.now() + ms;
    const backMsMax = comesBackMsMax[options.clients ?? 'raw'];
    // On a slow machine one fault takes the time of two: those that were asked for come, if it takes twice as long.
    const came = () =>
      (options.kinds ?? []).every((kind) => journal.counts[kind] || journal.underWay.has(kind));
    const timeIsOver = () => performance.now() > (came() ? endMs : endMs + ms);
    const over = () => timeIsOver() || (options.untilWrong === true && crowd.wrongSoFar().length > 0);
    const hurting = Promise.all([
      hurtProcesses(scene, options.kinds ?? shuffled(random), over, journal),
      hurtClients(scene, over, journal, Math.min(backMsMax, options.settleMs ?? backMsMax)),
    ]);
    let mended = false;
    const ended = () => {
      mended = true;
    };
    hurting.then(ended, ended);
    await crowd.run(Number.POSITIVE_INFINITY, () => mended);
    await hurting;
    return await reported(crowd, journal, options);
  } finally {
    clearInterval(telling);
    crowd.close();
  }
}

async function reported(
  crowd: Crowd,
  journal: Journal,
  { seed, ms, settleMs = settleMsDefault }: ChaosOptions,
): Promise<ChaosReport> {
  const { waiting, ...tally } = await crowd.tally(settleMs);
  const failures = crowd.sessions.map((session) => session.failure()).filter((error) => error !== undefined);
  const { history } = crowd.recorder;
  const watchers = history.toldGone.filter(({ session }) =>
    tally.findings.some((one) => one.session === session),
  );
  const wronged = new Set([
    ...tally.findings.map(({ session }) => session),
    ...watchers.map(({ watcher }) => watcher),
  ]);
  const outages = history.outages.map(({ url = 'all gateways', fromMs, untilMs }) => {
    return `${Math.round(fromMs)} ms to ${Math.round(untilMs)} ms: out of reach: ${url}`;
  });
  const lives = [...wronged].slice(0, 5).map((id) => `${id}: ${lifeOf(history, id)}`);
  return {
    seed,
    ms,
    ...tally,
    faults: journal.counts,
    failures: [
      ...journal.failures,
      ...failures.map(String),
      ...(waiting > 0 ? [`${waiting} sends without an answer`] : []),
      ...crowd.sessions.flatMap(waitingLine),
    ],
    timeline: [...journal.lines, ...outages, ...lives],
  };
}

function waitingLine(session: Crowd['sessions'][number]): readonly string[] {
  const { user, url, waiting, eldestWaitingMs, connected, closings } = session;
  if (waiting === 0) return [];
  const where = connected ? `connected at ${url}` : 'away';
  return [
    `${user}: ${waiting}, the eldest for ${Math.round(eldestWaitingMs)} ms; ${where} after ${closings}`,
  ];
}

interface Journal {
  readonly counts: Partial<Record<FaultKind, number>>;
  readonly lines: string[];
  readonly failures: string[];
  readonly underWay: Set<FaultKind>;
  note(kind: FaultKind, beganMs: number): void;
}

function createJournal(): Journal {
  const counts: Partial<Record<FaultKind, number>> = {};
  const lines: string[] = [];
  return {
    counts,
    lines,
    failures: [],
    underWay: new Set(),
    note(kind, beganMs) {
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (!(kind in processFaults)) return;
      const [from, to] = [beganMs, performance.now()].map((atMs) => Math.round(atMs));
      lines.push(`${from} ms to ${to} ms: ${kind}`);
    },
  };
}

function shuffled(random: Random): readonly FaultKind[] {
  const kinds = Object.keys(processFaults) as FaultKind[];
  return kinds
    .map((kind) => ({ kind, at: random.draw() }))
    .sort((a, b) => a.at - b.at)
    .map(({ kind }) => kind);
}

/** Two at once at most, one after the other begun; whoever cannot be hurt now comes again later. */
async function hurtProcesses(
  scene: Scene,
  kinds: readonly FaultKind[],
  over: () => boolean,
  journal: Journal,
): Promise<void> {
  const queue = [...kinds];
  const underWay = new Set<Promise<unknown>>();
  const { random } = scene.crowd;
  while (!over()) {
    const kind = queue.shift() as FaultKind;
    const harm = begun(scene, kind, (processFaults as Record<string, Fault>)[kind] as Fault, journal);
    underWay.add(harm);
    const ended = () => {
      underWay.delete(harm);
      queue.push(kind);
    };
    harm.then(ended, ended);
    await pause(faultPauseMs.min + random.draw() * faultPauseMs.spread);
    if (underWay.size >= atOnceMax) await Promise.race(underWay);
    if (queue.length === 0) await Promise.race(underWay);
  }
  await Promise.all(underWay);
}

async function hurtClients(
  scene: Scene,
  over: () => boolean,
  journal: Journal,
  backMsMax: number,
): Promise<void> {
  const kinds = Object.entries(clientFaults) as [FaultKind, Fault][];
  const underWay: Promise<void>[] = [];
  for (let n = 0; !over(); n++) {
    const [kind, harm] = kinds[n % kinds.length] as [FaultKind, Fault];
    underWay.push(begun(scene, kind, harm, journal));
    await pause(2 * clientFaultMs * scene.crowd.random.draw());
  }
  // Where all are back in time, the process does not stay for the rest of it.
  const tooLate = new Promise<'late'>((resolve) => setTimeout(resolve, backMsMax, 'late').unref());
  const late = await Promise.race([Promise.all(underWay), tooLate]);
  if (late === 'late') journal.failures.push(`a client did not come back within ${backMsMax} ms`);
}

async function begun(scene: Scene, kind: FaultKind, harm: Fault, journal: Journal): Promise<void> {
  const beganMs = performance.now();
  journal.underWay.add(kind);
  if (await harm(scene)) journal.note(kind, beganMs);
  journal.underWay.delete(kind);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
