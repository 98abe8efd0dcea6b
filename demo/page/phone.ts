/**
 * Phone: one signed-in tab: the call machine decides, the line and the studio carry out.
 */

import type { Frame, Snowshed } from '#client/index.ts';
import { type CallEffect, type CallEvent, type CallState, step } from './call.ts';
import { emptyLadder, type Ladder } from './ladder.ts';
import { note, noteReceived, openLine } from './line.ts';
import { peopleIn, siblingsIn } from './people.ts';
import { createScreen, type PhoneView, type Screen } from './screen.ts';
import { createStudio } from './studio.ts';

export const LOBBY = 'lobby';

export interface Phone {
  readonly view: PhoneView;
  readonly connection: RTCPeerConnection | undefined;
  happen(event: CallEvent): void;
  mute(muted: boolean): void;
  /** Ends the call and the session. */
  close(): Promise<void>;
}

/** A phone in the lobby. Rejects where the service does not let this client in, or not into the lobby. */
export async function openPhone(snowshed: Snowshed, changed: (view: PhoneView) => void): Promise<Phone> {
  await snowshed.ready;
  const me = { user: snowshed.user as string, device: snowshed.device };
  const screen = createScreen(me, changed);
  const line = openLine(snowshed, screen, happen);
  const studio = createStudio(snowshed, screen, happen);

  /** `frame`: the one that the event is made of; it is drawn before the answers to it. */
  function happen(event: CallEvent, frame?: Frame): void {
    const before = screen.view.call;
    const [call, effects] = step(me, before, event);
    if (call !== before) show(snowshed, screen, before, call);
    if (frame !== undefined) noteReceived(screen, frame);
    for (const effect of effects) carryOut(effect);
    if (call.phase === 'idle' && before.phase !== 'idle') studio.rest();
  }

  function carryOut(effect: CallEffect): void {
    switch (effect.do) {
      case 'send':
        return void line.say(effect);
      case 'wait':
        return void setTimeout(happen, effect.ms, { type: 'timeout', call: effect.call });
      case 'close':
        return studio.closePeer();
      default:
        return void studio.carryOut(effect);
    }
  }

  changed(screen.view);
  await enterLobby(snowshed, screen);
  return {
    get view() {
      return screen.view;
    },
    get connection() {
      return studio.connection;
    },
    happen,
    mute: studio.mute,
    close() {
      happen({ type: 'hangUp' });
      line.hangUp();
      return snowshed.close();
    },
  };
}

async function enterLobby(snowshed: Snowshed, screen: Screen): Promise<void> {
  const { user, device } = screen.view.me;
  await snowshed.join(LOBBY);
  await snowshed.presence.watch(`r/${LOBBY}`, ({ members }) =>
    screen.show({ people: peopleIn(members, user), siblings: siblingsIn(members, user, device) }),
  );
}

function show(snowshed: Snowshed, screen: Screen, before: CallState, call: CallState): void {
  const inCall = call.phase !== 'idle';
  screen.show({ call, ladder: ladderFor(screen, before, call) });
  // After a loss of the connection the service lets those come back first who are in a call.
  snowshed.inCall = inCall;
  if (inCall !== (before.phase !== 'idle')) snowshed.presence.set({ inCall }).catch(() => {});
  if (call.phase !== 'talking' || (before.phase === 'talking' && before.media === call.media)) return;
  if (call.media === 'flowing') note(screen, 'Media flows from browser to browser', 'good');
  if (call.media === 'interrupted') note(screen, 'Media is interrupted', 'bad');
}

/** A call begins a ladder, and its ladder stays to be looked at when it is over. */
function ladderFor({ view }: Screen, before: CallState, call: CallState): Ladder | undefined {
  if (before.phase !== 'idle') return view.ladder;
  if (call.phase === 'calling') return emptyLadder(view.me.user, call.user, performance.now());
  return call.phase === 'ringing'
    ? emptyLadder(call.peer.user, view.me.user, performance.now())
    : view.ladder;
}
