/**
 * Crowd: many lasting sessions that talk in rooms and to one another while the fleet is being hurt.
 *
 * Everything by chance comes from one seed, which is printed; `CHAOS_SEED` tries another.
 */

import assert from 'node:assert/strict';
import { createSeededRandom, type Random } from '#runtime/random.ts';
import { findings, reportOf } from '../harness/checker.ts';
import { createRecorder, type Recorder } from '../harness/history.ts';
import { createLastingSession, type LastingSession } from '../harness/lasting-session.ts';
import type { Stage } from '../harness/stage.ts';

export interface CrowdOptions {
  readonly stage: Stage;
  readonly rooms: number;
  readonly membersPerRoom: number;
  /** Frames per second of each session, to its room and to other users in turn. */
  readonly framesPerSecond: number;
}

export interface Crowd {
  readonly sessions: readonly LastingSession[];
  readonly recorder: Recorder;
  readonly random: Random;
  /** Sends for so long. */
  run(ms: number): Promise<void>;
  /** Stops sending, waits until nothing is outstanding, and judges. */
  judge(withinMs: number): Promise<void>;
  close(): void;
}

export const seed = Number(process.env['CHAOS_SEED'] ?? 20_261_001);

const openAtOnce = 20;

/** Opens all sessions, evenly over the gateways. */
export async function gatherCrowd(options: CrowdOptions): Promise<Crowd> {
  const { stage, rooms, membersPerRoom } = options;
  console.log(`CHAOS_SEED=${seed}`);
  const random = createSeededRandom(seed);
  const recorder = createRecorder();
  const sessions = Array.from({ length: rooms * membersPerRoom }, (_, i) => {
    const user = `user-${i}`;
    const token = stage.token(user);
    const roomsOfSession = [`room-${i % rooms}`];
    const urls = () => stage.fleet.urls();
    return createLastingSession({ user, token, rooms: roomsOfSession, recorder, random, urls });
  });
  const urls = stage.fleet.urls();
  for (let i = 0; i < sessions.length; i += openAtOnce) {
    const some = sessions.slice(i, i + openAtOnce);
    await Promise.all(some.map((session, k) => session.open(urls[(i + k) % urls.length] as string)));
  }

  let sent = 0;
  function sendOne(): void {
    const i = Math.floor(random.draw() * sessions.length);
    const to =
      random.draw() < 0.5
        ? { room: `room-${i % rooms}` }
        : { user: `user-${Math.floor(random.draw() * sessions.length)}` };
    sessions[i]?.send(to, { n: ++sent, sdp: 'x'.repeat(Math.floor(random.draw() * 300)) });
  }

  return {
    sessions,
    recorder,
    random,
    async run(ms) {
      const startMs = performance.now();
      const perMs = (options.framesPerSecond * sessions.length) / 1_000;
      const before = sent;
      for (let passedMs = 0; passedMs < ms; passedMs = performance.now() - startMs) {
        while (sent - before < passedMs * perMs) sendOne();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async judge(withinMs) {
      await settled(sessions, recorder, withinMs);
      for (const session of sessions) assert.ifError(session.failure());
      const { history } = recorder;
      const acknowledged = history.sent.filter((frame) => frame.position !== undefined).length;
      const unknown = sessions.reduce((sum, session) => sum + session.unknown, 0);
      const waiting = sessions.reduce((sum, session) => sum + session.waiting, 0);
      const resumed = sessions.reduce((sum, session) => sum + session.resumptions, 0);
      console.log(
        `${history.sent.length} sent, ${acknowledged} acknowledged, ${unknown} unknown, ` +
          `${waiting} waiting, ${history.received.length} received, ${resumed} resumptions`,
      );
      const found = findings(history);
      assert.equal(found.length, 0, reportOf(found));
      assert.equal(waiting, 0, 'every send was answered');
      assert(acknowledged > 0 && history.received.length > acknowledged);
    },
    close() {
      for (const session of sessions) session.close();
    },
  };
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
