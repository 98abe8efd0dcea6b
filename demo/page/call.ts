/**
 * Call: the life of one call on one device, from the first ring to the last word.
 *
 *     idle ─ dial ─▶ calling ─ answer comes ─▶ talking ─▶ idle
 *       └─ offer comes ─▶ ringing ─ answer ─▶ answering ─▶ talking
 *
 * `step` takes the state and one event and gives the next state and what is to be done now. An offer
 * goes to the user, so all devices of that user ring; the one that answers tells its siblings, and from
 * then on both ends address each other by device. When two users call each other at once, the call
 * with the smaller id goes on and both ends join it, without anybody having to press a button.
 *
 * Pure. `main.ts` feeds it and carries out its effects; a device has one call at a time.
 */

import type { Json } from '#client/index.ts';
import {
  type Candidate,
  isCandidate,
  type Kind,
  type Party,
  type Received,
  reasonOf,
  sdpOf,
  type Target,
} from './signals.ts';

export type Why =
  | 'hung-up'
  | 'hung-up-by-peer'
  | 'declined'
  | 'declined-by-peer'
  | 'busy'
  | 'no-answer'
  | 'missed'
  | 'answered-elsewhere'
  | 'declined-elsewhere'
  | 'media-lost'
  | 'media-failed'
  | 'refused';

export type CallState =
  | { readonly phase: 'idle'; readonly ended?: { readonly user: string; readonly why: Why } }
  | {
      readonly phase: 'calling';
      readonly call: string;
      readonly user: string;
      readonly reach: 'preparing' | 'sent' | 'ringing' | 'away';
    }
  | {
      readonly phase: 'ringing';
      readonly call: string;
      readonly peer: Party;
      readonly offer: string;
      readonly candidates: readonly Candidate[];
    }
  | { readonly phase: 'answering'; readonly call: string; readonly peer: Party }
  | {
      readonly phase: 'talking';
      readonly call: string;
      readonly peer: Party;
      readonly media: 'connecting' | 'flowing' | 'interrupted';
    };

export type CallEvent =
  /** `call` is a new random id. */
  | { readonly type: 'dial'; readonly user: string; readonly call: string }
  | { readonly type: 'answer' | 'decline' | 'hangUp' }
  | Received
  | { readonly type: 'offerReady' | 'answerReady'; readonly call: string; readonly sdp: string }
  | { readonly type: 'candidateFound'; readonly call: string; readonly candidate: Candidate }
  | {
      readonly type: 'media';
      readonly call: string;
      readonly media: 'flowing' | 'interrupted' | 'lost' | 'failed';
    }
  /** What became of the offer: refused by the service, or nobody is connected to hear it now. */
  | { readonly type: 'offerRefused' | 'offerWaits'; readonly call: string }
  | { readonly type: 'timeout'; readonly call: string };

export type CallEffect =
  | {
      readonly do: 'send';
      readonly kind: Kind;
      readonly call: string;
      readonly to: Target;
      readonly body: Json;
    }
  /** Opens camera and peer connection and makes an offer: `offerReady` or `media failed` follows. */
  | { readonly do: 'makeOffer'; readonly call: string }
  /** The same for the callee: `answerReady` or `media failed` follows. */
  | {
      readonly do: 'makeAnswer';
      readonly call: string;
      readonly offer: string;
      readonly candidates: readonly Candidate[];
    }
  | { readonly do: 'takeAnswer'; readonly call: string; readonly sdp: string }
  | { readonly do: 'takeCandidate'; readonly call: string; readonly candidate: Candidate }
  /** Closes the peer connection, or stops one that is being made. */
  | { readonly do: 'close'; readonly call: string }
  /** `timeout` follows. */
  | { readonly do: 'wait'; readonly call: string; readonly ms: number };

export type CallStep = readonly [state: CallState, effects: readonly CallEffect[]];

/** How long the caller lets it ring; the offer lives as long in the log, so a late device still rings. */
export const RING_MS = 30_000;
/** A callee whose caller vanished without a word rings on for this much longer. */
const RING_GRACE_MS = 5_000;
const CANDIDATES_MAX = 64;

export const idle: CallState = { phase: 'idle' };

export function step(me: Party, state: CallState, event: CallEvent): CallStep {
  switch (event.type) {
    case 'dial':
      return dialed(me, state, event.user, event.call);
    case 'answer':
      return state.phase === 'ringing'
        ? join(state.call, state.peer, state.offer, state.candidates)
        : stay(state);
    case 'decline':
      return state.phase === 'ringing' ? declined(me, state) : stay(state);
    case 'hangUp':
      return hungUp(me, state, 'hung-up');
    case 'received':
      return received(me, state, event);
    case 'offerReady':
    case 'answerReady':
      return described(me, state, event.call, event.sdp);
    case 'candidateFound':
      return candidateFound(state, event.call, event.candidate);
    case 'media':
      return mediaChanged(me, state, event.call, event.media);
    case 'offerRefused':
      return state.phase === 'calling' && state.call === event.call
        ? ended(state, state.user, 'refused')
        : stay(state);
    case 'offerWaits':
      return reached(state, event.call, 'away');
    case 'timeout':
      return timedOut(me, state, event.call);
  }
}

function stay(state: CallState): CallStep {
  return [state, []];
}

/** The call is over here; `words` go out before the peer connection closes. */
function ended(state: CallState, user: string, why: Why, ...words: readonly CallEffect[]): CallStep {
  const close: CallEffect[] =
    state.phase === 'idle' || state.phase === 'ringing' ? [] : [{ do: 'close', call: state.call }];
  return [{ phase: 'idle', ended: { user, why } }, [...words, ...close]];
}

function send(kind: Kind, call: string, to: Target, body: Json = {}): CallEffect {
  return { do: 'send', kind, call, to, body };
}

// What the user does.

function dialed(me: Party, state: CallState, user: string, call: string): CallStep {
  if (state.phase !== 'idle' || user === me.user) return stay(state);
  return [
    { phase: 'calling', call, user, reach: 'preparing' },
    [
      { do: 'makeOffer', call },
      { do: 'wait', call, ms: RING_MS },
    ],
  ];
}

/** Opens the media and answers: by the user's word, or because this offer won over one's own. */
function join(call: string, peer: Party, offer: string, candidates: readonly Candidate[]): CallStep {
  return [{ phase: 'answering', call, peer }, [{ do: 'makeAnswer', call, offer, candidates }]];
}

function declined(me: Party, state: CallState & { phase: 'ringing' | 'answering' }): CallStep {
  const words = [
    send('reject', state.call, state.peer, { reason: 'declined' }),
    send('declined-elsewhere', state.call, { user: me.user }),
  ];
  return ended(state, state.peer.user, 'declined', ...words);
}

function hungUp(me: Party, state: CallState, why: Why): CallStep {
  switch (state.phase) {
    case 'idle':
      return stay(state);
    case 'calling': {
      // Before the offer left, nobody has to be told.
      const words = state.reach === 'preparing' ? [] : [send('hangup', state.call, { user: state.user })];
      return ended(state, state.user, why, ...words);
    }
    case 'ringing':
    case 'answering':
      return declined(me, state);
    case 'talking':
      return ended(state, state.peer.user, why, send('hangup', state.call, state.peer));
  }
}

// What the peer's devices and one's own other devices say.

function received(me: Party, state: CallState, frame: Received): CallStep {
  switch (frame.kind) {
    case 'offer':
      return offered(me, state, frame);
    case 'answer':
      return answered(state, frame);
    case 'ringing':
      return isFromCallee(state, frame) ? reached(state, frame.call, 'ringing') : stay(state);
    case 'candidate':
      return candidateReceived(state, frame);
    case 'reject':
      return rejected(state, frame);
    case 'hangup':
      return peerHungUp(state, frame);
    case 'answered-elsewhere':
    case 'declined-elsewhere':
      return settledElsewhere(me, state, frame, frame.kind);
    default:
      return stay(state);
  }
}

function offered(me: Party, state: CallState, frame: Received): CallStep {
  const offer = sdpOf(frame.body);
  if (offer === undefined || frame.from.user === me.user) return stay(state);
  if (state.phase === 'calling' && state.user === frame.from.user) return glare(state, frame, offer);
  if (state.phase === 'idle') return rung(frame, offer);
  if (state.call === frame.call) return stay(state);
  return [state, [send('reject', frame.call, frame.from, { reason: 'busy' })]];
}

function rung({ call, from }: Received, offer: string): CallStep {
  return [
    { phase: 'ringing', call, peer: from, offer, candidates: [] },
    [send('ringing', call, from), { do: 'wait', call, ms: RING_MS + RING_GRACE_MS }],
  ];
}

/** Both call each other. Both ends see both ids, so both come to the same verdict. */
function glare(state: CallState & { phase: 'calling' }, frame: Received, offer: string): CallStep {
  const unsent = state.reach === 'preparing';
  if (!unsent && state.call < frame.call) return stay(state);
  const [next, effects] = join(frame.call, frame.from, offer, []);
  const words = unsent ? [] : [send('hangup', state.call, { user: state.user }, { reason: 'glare' })];
  return [next, [...words, { do: 'close', call: state.call }, ...effects]];
}

/** The first device that answers has the call; a second one that was as quick is sent away. */
function answered(state: CallState, frame: Received): CallStep {
  const sdp = sdpOf(frame.body);
  if (sdp === undefined) return stay(state);
  if (isFromCallee(state, frame)) {
    const next: CallState = { phase: 'talking', call: frame.call, peer: frame.from, media: 'connecting' };
    return [next, [{ do: 'takeAnswer', call: frame.call, sdp }]];
  }
  if (isFromPeer(state, frame)) return stay(state);
  return [state, [send('hangup', frame.call, frame.from, { reason: 'answered-elsewhere' })]];
}

function candidateReceived(state: CallState, frame: Received): CallStep {
  const candidate = frame.body;
  if (!isCandidate(candidate) || !isFromPeer(state, frame)) return stay(state);
  if (state.phase === 'ringing') {
    if (state.candidates.length >= CANDIDATES_MAX) return stay(state);
    return [{ ...state, candidates: [...state.candidates, candidate] }, []];
  }
  return [state, [{ do: 'takeCandidate', call: frame.call, candidate }]];
}

/** One device's word counts for the user, so the other devices are told to stop when it was only busy. */
function rejected(state: CallState, frame: Received): CallStep {
  if (!isFromCallee(state, frame)) {
    // A device that gave up while its answer was under way.
    return isFromPeer(state, frame) ? ended(state, frame.from.user, 'declined-by-peer') : stay(state);
  }
  if (reasonOf(frame.body) !== 'busy') return ended(state, frame.from.user, 'declined-by-peer');
  return ended(state, frame.from.user, 'busy', send('hangup', frame.call, { user: frame.from.user }));
}

function peerHungUp(state: CallState, frame: Received): CallStep {
  if (!isFromPeer(state, frame)) return stay(state);
  if (reasonOf(frame.body) === 'answered-elsewhere')
    return ended(state, frame.from.user, 'answered-elsewhere');
  return ended(state, frame.from.user, state.phase === 'ringing' ? 'missed' : 'hung-up-by-peer');
}

function settledElsewhere(me: Party, state: CallState, frame: Received, why: Why): CallStep {
  const waiting = state.phase === 'ringing' || state.phase === 'answering';
  if (!waiting || state.call !== frame.call || frame.from.user !== me.user) return stay(state);
  return ended(state, state.peer.user, why);
}

// What the machine does.

function described(me: Party, state: CallState, call: string, sdp: string): CallStep {
  if (state.phase === 'calling' && state.call === call && state.reach === 'preparing') {
    return [{ ...state, reach: 'sent' }, [send('offer', call, { user: state.user }, { type: 'offer', sdp })]];
  }
  if (state.phase !== 'answering' || state.call !== call) return stay(state);
  return [
    { phase: 'talking', call, peer: state.peer, media: 'connecting' },
    [
      send('answer', call, state.peer, { type: 'answer', sdp }),
      send('answered-elsewhere', call, { user: me.user }),
    ],
  ];
}

/** Until a device has answered, candidates go to all of them. They follow the offer or answer, never overtake it. */
function candidateFound(state: CallState, call: string, candidate: Candidate): CallStep {
  if (state.phase === 'idle' || state.call !== call) return stay(state);
  if (state.phase === 'talking') return [state, [send('candidate', call, state.peer, candidate)]];
  if (state.phase !== 'calling' || state.reach === 'preparing') return stay(state);
  return [state, [send('candidate', call, { user: state.user }, candidate)]];
}

function mediaChanged(
  me: Party,
  state: CallState,
  call: string,
  media: 'flowing' | 'interrupted' | 'lost' | 'failed',
): CallStep {
  if (state.phase === 'idle' || state.call !== call) return stay(state);
  if (media === 'failed') return hungUp(me, state, 'media-failed');
  if (state.phase !== 'talking') return stay(state);
  return media === 'lost' ? hungUp(me, state, 'media-lost') : [{ ...state, media }, []];
}

function reached(state: CallState, call: string, reach: 'ringing' | 'away'): CallStep {
  if (state.phase !== 'calling' || state.call !== call || state.reach === 'ringing') return stay(state);
  return [{ ...state, reach }, []];
}

function timedOut(me: Party, state: CallState, call: string): CallStep {
  if (state.phase === 'calling' && state.call === call) return hungUp(me, state, 'no-answer');
  if (state.phase === 'ringing' && state.call === call) return ended(state, state.peer.user, 'missed');
  return stay(state);
}

// Whose word counts.

/** Any device of the user that is being called. */
function isFromCallee(state: CallState, { call, from }: Received): state is CallState & { phase: 'calling' } {
  return state.phase === 'calling' && state.call === call && state.user === from.user;
}

/** The very device at the other end of this call. */
function isFromPeer(state: CallState, { call, from }: Received): state is CallState & { peer: Party } {
  return (
    'peer' in state &&
    state.call === call &&
    state.peer.user === from.user &&
    state.peer.device === from.device
  );
}
