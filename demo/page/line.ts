/**
 * Line: the signaling of a phone: its words go out through the SDK, frames come in, the ladder shows both.
 *
 * `snowshed.send` resolves when the service has the frame: from then on it is not lost. While the
 * service is out of reach the SDK holds the word back and says it after the resume, once and in order,
 * so nothing here is ever tried again.
 */

import { type Frame, type Snowshed, SnowshedError, type Status } from '#client/index.ts';
import type { CallEffect, CallEvent } from './call.ts';
import { type Ladder, type Lane, noted, received, refused, sent, stored } from './ladder.ts';
import type { Screen } from './screen.ts';

export interface Line {
  say(effect: CallEffect & { do: 'send' }): Promise<void>;
  hangUp(): void;
}

type Happen = (event: CallEvent, frame?: Frame) => void;

export function openLine(snowshed: Snowshed, screen: Screen, happen: Happen): Line {
  let before = snowshed.status;
  const offers = new Map<string, string>();
  const offs = [
    snowshed.on('frame', (frame) => hear(screen, frame, happen)),
    snowshed.on('unreachable', ({ id }) => happen({ type: 'offerWaits', call: offers.get(id) ?? '' })),
    snowshed.on('status', (status) => {
      if (screen.view.call.phase !== 'idle') noteStatus(screen, before, status);
      before = status;
    }),
  ];
  let words = 0;
  return {
    async say({ kind, call, to, body }) {
      const word = `${++words}`;
      const startMs = performance.now();
      const isOffer = kind === 'offer';
      noteSent(screen, word, kind, to.user, startMs);
      try {
        const { id } = await snowshed.send({ ...to, kind, call, body, tellIfUnreachable: isOffer });
        if (isOffer) offers.set(id, call);
        onLadder(screen, (ladder) => stored(ladder, word, performance.now() - startMs));
      } catch (error) {
        onLadder(screen, (ladder) => refused(ladder, word, faultOf(error)));
        if (isOffer) happen({ type: 'offerRefused', call });
      }
    },
    hangUp() {
      for (const off of offs) off();
    },
  };
}

function hear({ view }: Screen, frame: Frame, happen: Happen): void {
  const { kind, call, body } = frame;
  const { user, device } = frame.from;
  if (call === undefined || frame.channel !== `u/${view.me.user}`) return;
  happen({ type: 'received', kind, call, from: { user, device }, body }, frame);
}

/** Draws a frame that came in. How long it was under way is as true as the clocks of both machines. */
export function noteReceived(screen: Screen, { kind, from, at }: Frame): void {
  const underWayMs = Math.max(0, Date.now() - at);
  onLadder(screen, (ladder) => {
    const lanes = lanesOf(ladder, from.user, screen.view.me.user);
    if (lanes?.[1] === 'service') lanes.reverse();
    return lanes && received(ladder, kind, ...lanes, underWayMs, performance.now());
  });
}

function noteSent(screen: Screen, word: string, kind: string, to: string, nowMs: number): void {
  onLadder(screen, (ladder) => {
    const lanes = lanesOf(ladder, screen.view.me.user, to);
    return lanes && sent(ladder, word, kind, ...lanes, nowMs);
  });
}

function noteStatus(screen: Screen, before: Status, status: Status): void {
  if (before.state === 'open' && status.state !== 'open')
    note(screen, 'Signaling lost, media flows on', 'bad');
  if (before.state === 'open' || status.state !== 'open') return;
  note(screen, status.resumed ? 'Signaling resumed, same session' : 'Signaling is back, new session', 'good');
}

export function note(screen: Screen, text: string, tone: 'good' | 'bad'): void {
  onLadder(screen, (ladder) => noted(ladder, text, tone, performance.now()));
}

function onLadder({ view, show }: Screen, change: (ladder: Ladder) => Ladder | undefined): void {
  const ladder = view.ladder && change(view.ladder);
  if (ladder !== undefined) show({ ladder });
}

/** From whose lane to whose a frame goes; to the service alone, where it is meant for one's own other devices. */
function lanesOf(ladder: Ladder, from: string, to: string): [Lane, Lane] | undefined {
  const a = laneOf(ladder, from);
  const b = laneOf(ladder, to);
  return a === undefined || b === undefined ? undefined : [a, a === b ? 'service' : b];
}

function laneOf({ caller, callee }: Ladder, user: string): Lane | undefined {
  return user === caller ? 'caller' : user === callee ? 'callee' : undefined;
}

function faultOf(error: unknown): string {
  return error instanceof SnowshedError ? error.fault : String(error);
}
