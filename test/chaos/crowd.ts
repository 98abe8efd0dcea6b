/**
 * Crowd: many lasting sessions that talk in rooms and to one another while the fleet is being hurt.
 *
 * The first of each room watches who is there. Everything by chance comes from the seed that is handed in.
 */

import assert from 'node:assert/strict';
import { createSeededRandom, type Random } from '#runtime/random.ts';
import { type Finding, findings, reportOf } from '../harness/checker.ts';
import type { Fleet } from '../harness/fleet.ts';
import { createRecorder, type Recorder } from '../harness/history.ts';
import {
  createLastingSession,
  type LastingOptions,
  type LastingSession,
} from '../harness/lasting-session.ts';

export interface CrowdOptions {
  readonly stage: { readonly fleet: Fleet; token(user: string): string };
  readonly rooms: number;
  readonly membersPerRoom: number;
  /** Frames per second of each session, to its room and to other users in turn. */
  readonly framesPerSecond: number;
  readonly seed?: number;
  /** Makes the names of users and rooms unlike those of other crowds of the fleet. */
  readonly name?: string;
  /** The `PRESENCE_GRACE_MS` of the fleet; without it nothing is asked of presence. */
  readonly graceMs?: number;
  /** Makes each of its sessions; default: such as know nothing of the SDK. */
  readonly sessionOf?: (options: LastingOptions) => LastingSession;
}

export interface Tally {
  readonly sent: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly waiting: number;
  readonly received: number;
  readonly resumptions: number;
  readonly findings: readonly Finding[];
}

export interface Crowd {
  /** Those that are not over. */
  readonly sessions: readonly LastingSession[];
  readonly recorder: Recorder;
  readonly random: Random;
  /** Sends for so long, or until `until` says that it is enough. */
  run(ms: number, until?: () => boolean): Promise<void>;
  /** The session says `bye`, and its user begins a new one on another device. */
  changeDevice(session: LastingSession): Promise<void>;
  /** Everything that is wrong so far; what may still come is no loss yet. */
  wrongSoFar(): readonly Finding[];
  /** Stops sending, waits until nothing is outstanding, and counts and judges. */
  tally(withinMs: number): Promise<Tally>;
  /** Asserts that the tally is clean. */
  judge(withinMs: number): Promise<void>;
  close(): void;
}

export const seedDefault = Number(process.env['CHAOS_SEED'] ?? 20_261_001);

const openAtOnce = 20;
/** What an absence takes to be noticed, and what a takeover takes, come on top of the grace. */
const noticedMs = 13_000;
/** And so long a flow of polls stands to which nobody comes any more: the default of `POLL_LINGER_MS`. */
const pollLingerMs = 15_000;

/** Opens all sessions, evenly over the gateways. */
export async function gatherCrowd(options: CrowdOptions): Promise<Crowd> {
  const { stage, rooms, membersPerRoom, seed = seedDefault, name = '', graceMs } = options;
  const create = options.sessionOf ?? createLastingSession;
  const lingerMs = options.sessionOf === undefined ? 0 : pollLingerMs;
  const goneAfterMs = graceMs === undefined ? undefined : graceMs + noticedMs + lingerMs;
  console.log(`CHAOS_SEED=${seed}`);
  const random = createSeededRandom(seed);
  const recorder = createRecorder();
  const everybody: LastingSession[] = [];
  const size = rooms * membersPerRoom;
  let devices = 0;
  let closed = false;

  function sessionOf(i: number, device: string): LastingSession {
    const user = `${name}user-${i}`;
    const room = `${name}room-${i % rooms}`;
    const session = create({
      ...{ user, device, recorder, random, token: stage.token(user) },
      ...{ rooms: [room], watches: i < rooms ? [room] : [], urls: () => stage.fleet.urls() },
    });
    everybody.push(session);
    return session;
  }

  let slowestMs = 0;
  async function timed(session: LastingSession, url: string): Promise<void> {
    const fromMs = performance.now();
    await session.open(url);
    slowestMs = Math.max(slowestMs, performance.now() - fromMs);
  }

  const sessions = Array.from({ length: size }, (_, i) => sessionOf(i, 'phone'));
  const urls = stage.fleet.urls();
  try {
    for (let i = 0; i < size; i += openAtOnce) {
      const some = sessions.slice(i, i + openAtOnce);
      await Promise.all(some.map((session, k) => timed(session, urls[(i + k) % urls.length] as string)));
    }
  } catch (error) {
    for (const session of sessions) session.close();
    throw error;
  }
  console.log(`${size} sessions stand; the slowest took ${Math.round(slowestMs)} ms`);

  let sent = 0;
  function sendOne(): void {
    const i = Math.floor(random.draw() * size);
    const to =
      random.draw() < 0.5
        ? { room: `${name}room-${i % rooms}` }
        : { user: `${name}user-${Math.floor(random.draw() * size)}` };
    sessions[i]?.send(to, { n: ++sent, sdp: 'x'.repeat(Math.floor(random.draw() * 300)) });
  }

  async function tally(withinMs: number): Promise<Tally> {
    await settled(everybody, recorder, withinMs);
    const absent =
      graceMs === undefined
        ? []
        : await presenceFindings(sessions, Math.min(goneAfterMs as number, withinMs));
    const { history } = recorder;
    const sum = (of: (session: LastingSession) => number) => everybody.reduce((all, one) => all + of(one), 0);
    return {
      sent: history.sent.length,
      acknowledged: history.sent.filter((frame) => frame.position !== undefined).length,
      unknown: sum((session) => session.unknown),
      waiting: sum((session) => session.waiting),
      received: history.received.length,
      resumptions: sum((session) => session.resumptions),
      findings: [...findings(history, goneAfterMs), ...absent],
    };
  }

  const crowd: Crowd = {
    sessions,
    recorder,
    random,
    async run(ms, until = () => false) {
      const startMs = performance.now();
      const perMs = (options.framesPerSecond * size) / 1_000;
      const before = sent;
      for (let passedMs = 0; passedMs < ms && !until(); passedMs = performance.now() - startMs) {
        while (sent - before < passedMs * perMs) sendOne();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async changeDevice(session) {
      const i = sessions.indexOf(session);
      // Whoever is changing already stays in its place until the next one takes it.
      if (i < 0 || session.over) return;
      session.leave();
      const place = Number(session.user.slice(`${name}user-`.length));
      for (let next: LastingSession | undefined; next === undefined && !closed; ) {
        const urls = stage.fleet.urls();
        const fresh = sessionOf(place, `tablet-${++devices}`);
        // Where a gateway falls over meanwhile, the user tries another one, with yet another device.
        next = await fresh.open(urls[Math.floor(random.draw() * urls.length)] as string).then(
          () => fresh,
          () => undefined,
        );
        if (next !== undefined) sessions.splice(i, 1, next);
        else {
          fresh.leave();
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      }
    },
    wrongSoFar: () => findings(recorder.history).filter(({ rule }) => rule !== 'lost'),
    tally,
    async judge(withinMs) {
      const counted = await tally(withinMs);
      console.log(tallyLine(counted));
      for (const session of everybody) assert.ifError(session.failure());
      assert.equal(counted.findings.length, 0, reportOf(counted.findings));
      assert.equal(counted.waiting, 0, 'every send was answered');
      assert(counted.acknowledged > 0 && counted.received > counted.acknowledged);
    },
    close() {
      closed = true;
      for (const session of everybody) session.close();
    },
  };
  return crowd;
}

export function tallyLine({ sent, acknowledged, unknown, waiting, received, resumptions }: Tally): string {
  return (
    `${sent} sent, ${acknowledged} acknowledged, ${unknown} unknown, ` +
    `${waiting} waiting, ${received} received, ${resumptions} resumptions`
  );
}

/** Until every send is answered and every acknowledged frame has come, or the time is over. */
async function settled(
  sessions: readonly LastingSession[],
  { history }: Recorder,
  withinMs: number,
): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (performance.now() < endMs) {
    const waiting = sessions.some((session) => session.waiting > 0);
    if (!waiting && !findings(history).some((finding) => finding.rule === 'lost')) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  // What came twice comes late: a moment more for it.
  await new Promise((resolve) => setTimeout(resolve, 500));
}

/** Whoever watches a room sees those who are there and nobody else, at the latest after `withinMs`. */
async function presenceFindings(
  sessions: readonly LastingSession[],
  withinMs: number,
): Promise<readonly Finding[]> {
  const endMs = performance.now() + withinMs;
  let wrong = presenceWrong(sessions);
  while (wrong.length > 0 && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    wrong = presenceWrong(sessions);
  }
  return wrong;
}

function presenceWrong(sessions: readonly LastingSession[]): Finding[] {
  const members = new Map<string, Set<string>>();
  for (const { id, rooms, over } of sessions) {
    if (over) continue;
    for (const room of rooms) members.set(`r/${room}`, (members.get(`r/${room}`) ?? new Set()).add(id));
  }
  return sessions
    .filter(({ over }) => !over)
    .flatMap((watcher) =>
      [...watcher.present].flatMap(([channel, seen]) => {
        const there = members.get(channel) ?? new Set();
        const wrong =
          (text: string) =>
          (session: string): Finding => {
            const { url, closings, connected } = sessions.find(({ id }) => id === session) ?? watcher;
            const life = `${connected ? 'connected' : 'away'} at ${url} after ${closings}`;
            return {
              rule: 'presence',
              session,
              channel,
              text: `${text} ${watcher.id} at ${watcher.url}; ${life}`,
            };
          };
        return [
          ...[...there].filter((id) => !seen.has(id)).map(wrong('is there, and not in the list of')),
          ...[...seen].filter((id) => !there.has(id)).map(wrong('is not there, and in the list of')),
        ];
      }),
    );
}
