/**
 * Native dialect: one JSON object per message, as `wire/messages.ts` says; the state machine of one flow.
 *
 *     greeting ─hello─▶ authenticating ─▶ opening ─welcome─▶ open ─bye or a fault─▶ ending ─▶ ended
 *
 * Until `hello` only `ping` and `bye` are heard besides, and anything else closes the flow. From `hello` to
 * `welcome` a request gets `nack NOT_OPEN`: the flow goes on, since what was opened is finished.
 *
 * Pure: state and event in, state and effects out.
 */

import assert from 'node:assert/strict';
import type { FaultCode } from '#wire/faults.ts';
import { PRESENCE_STATE_BYTES_MAX } from '#wire/limits.ts';
import { type ClientMessage, CONNECT_PATH, type Cursor, SUBPROTOCOL } from '#wire/messages.ts';
import type { FlowMode } from '#wire/nodes.ts';
import type { Credential, Dialect, DialectEffect, DialectEvent, DialectStep } from '../../seams.ts';
import { type Mistake, readMessage } from './reading.ts';
import { type RequestMessage, requestOf } from './requests.ts';
import {
  answerText,
  byeText,
  frameText,
  gapText,
  nackText,
  pongText,
  presenceText,
  renewedText,
  retryText,
  spreadText,
  unreachableText,
  waitText,
  welcomeText,
} from './writing.ts';

export type NativeState =
  | { readonly phase: 'greeting'; readonly bearer: string | undefined }
  | {
      readonly phase: 'authenticating';
      readonly device: string | undefined;
      readonly mode: FlowMode;
      readonly cursors: readonly Cursor[];
    }
  | { readonly phase: 'opening' | 'open' | 'ending' | 'ended' };

type Step = DialectStep<NativeState>;

/** How long a flow may stand without `hello`. */
const HELLO_MS = 10_000;

const opening: NativeState = { phase: 'opening' };
const open: NativeState = { phase: 'open' };
const ending: NativeState = { phase: 'ending' };
const ended: NativeState = { phase: 'ended' };
const nothing: readonly DialectEffect[] = [];
const pong: readonly DialectEffect[] = [{ kind: 'send', data: pongText }];

export const nativeDialect: Dialect<NativeState> = {
  name: 'native',
  endpoint: { path: CONNECT_PATH, subprotocol: SUBPROTOCOL },
  open: ({ bearer }) => [
    { phase: 'greeting', bearer },
    [{ kind: 'timer', name: 'hello', afterMs: HELLO_MS }],
  ],
  step,
};

function step(state: NativeState, event: DialectEvent): Step {
  if (state.phase === 'ended') return [state, nothing];
  switch (event.kind) {
    case 'message':
      if (state.phase === 'ending') return [state, nothing];
      return event.binary ? closed('BINARY') : heard(state, readMessage(event.data));
    case 'frame':
      return said(state, event.frame.encodedOnce('native', frameText));
    case 'answered':
      return said(state, answerText(event.id, event.answer));
    case 'authenticated':
      return authenticated(state);
    case 'opened':
      return state.phase === 'ending' ? [state, nothing] : said(open, welcomeText(event.welcome));
    case 'closing':
      return said(ended, byeText(event));
    case 'sentOn':
      return said(ended, retryText(event));
    case 'timer':
      return state.phase === 'greeting' && event.name === 'hello' ? closed('NO_HELLO') : [state, nothing];
    default:
      return said(state, textOf(event));
  }
}

type PlainEvent = Extract<
  DialectEvent,
  { kind: 'waiting' | 'gap' | 'presence' | 'unreachable' | 'spread' | 'renewed' }
>;

function textOf(event: PlainEvent): string {
  switch (event.kind) {
    case 'waiting':
      return waitText(event);
    case 'gap':
      return gapText(event);
    case 'presence':
      return presenceText(event);
    case 'unreachable':
      return unreachableText(event.id);
    case 'spread':
      return spreadText(event.spread);
    case 'renewed':
      return renewedText(event);
  }
}

function said(state: NativeState, data: string | Uint8Array): Step {
  return [state, [{ kind: 'send', data }]];
}

function closed(fault: FaultCode): Step {
  return [ending, [{ kind: 'close', fault }]];
}

function heard(state: NativeState, message: ClientMessage | Mistake): Step {
  switch (message.type) {
    case 'mistake':
      return mistaken(state, message);
    case 'ping':
      return [state, pong];
    case 'bye':
      return [ending, [{ kind: 'leave' }, { kind: 'close', fault: 'BYE' }]];
    case 'hello':
      return state.phase === 'greeting'
        ? greeted(state.bearer, message)
        : nacked(state, undefined, 'ALREADY_OPEN', undefined);
    default:
      return requested(state, message);
  }
}

function mistaken(state: NativeState, { fault, closes, of, id, detail }: Mistake): Step {
  if (closes) return closed(fault);
  // A bad `hello` may be said again in time; nothing else may come before it.
  if (state.phase === 'greeting' && of !== 'hello') return closed('NOT_OPEN');
  return nacked(state, id, fault, detail);
}

function requested(state: NativeState, message: RequestMessage): Step {
  if (state.phase === 'greeting') return closed('NOT_OPEN');
  if (state.phase !== 'open') return nacked(state, message.id, 'NOT_OPEN', undefined);
  const request = requestOf(message);
  if (request.op === 'presence.set' && Buffer.byteLength(request.state) > PRESENCE_STATE_BYTES_MAX)
    return nacked(state, request.id, 'STATE_TOO_LARGE', 'state');
  return [state, [{ kind: 'request', request }]];
}

function nacked(
  state: NativeState,
  id: string | undefined,
  fault: FaultCode,
  detail: string | undefined,
): Step {
  const data = nackText(id, fault, undefined, detail);
  return [
    state,
    [
      { kind: 'send', data },
      { kind: 'fault', fault },
    ],
  ];
}

function greeted(bearer: string | undefined, hello: Extract<ClientMessage, { type: 'hello' }>): Step {
  const credential = credentialOf(hello.token, hello.resume, bearer);
  if (credential === undefined) return closed('TOKEN_MISSING');
  return [
    {
      phase: 'authenticating',
      device: hello.device,
      mode: hello.flow ?? 'replace',
      cursors: hello.cursors ?? [],
    },
    [
      { kind: 'timer', name: 'hello', afterMs: undefined },
      { kind: 'authenticate', credential, ...(hello.sentOn === true && { sentOn: true }) },
    ],
  ];
}

/** What `hello` brings counts before the bearer token of the handshake. */
function credentialOf(
  token: string | undefined,
  resume: string | undefined,
  bearer: string | undefined,
): Credential | undefined {
  if (resume !== undefined) return { scheme: 'resume', token: resume };
  const jwt = token ?? bearer;
  return jwt === undefined ? undefined : { scheme: 'jwt', token: jwt };
}

function authenticated(state: NativeState): Step {
  // The client may have said `bye` meanwhile.
  if (state.phase === 'ending') return [state, nothing];
  assert(state.phase === 'authenticating');
  const { device, mode, cursors } = state;
  return [opening, [{ kind: 'open', device, mode, cursors }]];
}
