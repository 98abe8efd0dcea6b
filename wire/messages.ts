/**
 * Messages: the native protocol, version 1; one JSON object per WebSocket text message.
 *
 * Schemas of both directions. The gateway validates what clients send with them (compiled once at
 * load), `docs/asyncapi.yaml` is generated from them, and the SDK takes its types from here. Unknown
 * fields are ignored, unknown types get `nack UNKNOWN_TYPE`.
 */

import Type, { type Static } from 'typebox';
import { CURSORS_MAX, ID_CHARS_MAX, LABEL_CHARS_MAX, NAME_BYTES_MAX, TOKEN_CHARS_MAX } from './limits.ts';

export const SUBPROTOCOL = 'snowshed.v1';
export const CONNECT_PATH = '/v1/connect';
export const POLL_PATH = '/v1/poll';

const Id = Type.String({
  minLength: 1,
  maxLength: ID_CHARS_MAX,
  pattern: '^[A-Za-z0-9._~-]+$',
  description: 'Chosen by the client, unique within the device.',
});
const Name = Type.String({
  minLength: 1,
  maxLength: NAME_BYTES_MAX,
  description: '1–128 bytes of UTF-8 without control characters.',
});
const Label = Type.String({ minLength: 1, maxLength: LABEL_CHARS_MAX });
const Token = Type.String({ minLength: 1, maxLength: TOKEN_CHARS_MAX });
const ChannelName = Type.String({
  pattern: '^[ur]/',
  minLength: 3,
  maxLength: NAME_BYTES_MAX + 2,
  description: '`u/<user>` or `r/<room>`.',
});
const Position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Milliseconds = Type.Integer({ minimum: 0, maximum: 1e12 });

export const Cursor = Type.Object({
  channel: ChannelName,
  epoch: Type.String({ maxLength: 64, description: 'Names one life of the log.' }),
  position: Position,
});
export type Cursor = Static<typeof Cursor>;

const ChannelCursor = Type.Object({ epoch: Type.String({ maxLength: 64 }), position: Position });

// Client to server.

export const Hello = Type.Object(
  {
    type: Type.Literal('hello'),
    token: Type.Optional(Token),
    resume: Type.Optional(Token),
    device: Type.Optional(Name),
    flow: Type.Optional(Type.Union([Type.Literal('replace'), Type.Literal('add')])),
    cursors: Type.Optional(Type.Array(Cursor, { maxItems: CURSORS_MAX })),
    sentOn: Type.Optional(
      Type.Boolean({ description: 'It came where `retry` sent it: nobody is sent on twice.' }),
    ),
  },
  {
    description:
      'The first message of a flow: with a token a fresh session, with a resume token the same one again. Without either, the bearer token of the handshake counts.',
  },
);

export const SendTarget = Type.Object({
  user: Type.Optional(Name),
  room: Type.Optional(Name),
  device: Type.Optional(Name),
  session: Type.Optional(Name),
});

export const Send = Type.Object(
  {
    type: Type.Literal('send'),
    id: Id,
    to: SendTarget,
    kind: Label,
    body: Type.Unknown({ description: 'Any JSON value; the service never looks inside.' }),
    call: Type.Optional(Label),
    ttlMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 1e12 })),
    volatile: Type.Optional(Type.Boolean()),
    tellIfUnreachable: Type.Optional(Type.Boolean()),
    ageMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1e12,
        description: 'On a repeat: milliseconds since this id was first sent.',
      }),
    ),
  },
  { description: 'Sends a frame to a user or a room. Answered by `ack {id, position}` when the log has it.' },
);

export const Join = Type.Object({
  type: Type.Literal('join'),
  id: Id,
  room: Name,
  cursor: Type.Optional(ChannelCursor),
});
export const Leave = Type.Object({ type: Type.Literal('leave'), id: Id, room: Name });
export const Refresh = Type.Object({ type: Type.Literal('refresh'), id: Id, token: Token });
export const ClientBye = Type.Object(
  { type: Type.Literal('bye') },
  { description: 'Ends the session: it does not stay present for the grace time.' },
);
export const Ping = Type.Object(
  { type: Type.Literal('ping') },
  {
    description:
      'Answered by `pong`. Sent when nothing was heard for `pingMs`; finds links that died without a word.',
  },
);
export const PresenceSet = Type.Object({ type: Type.Literal('presence.set'), id: Id, state: Type.Unknown() });
export const PresenceGet = Type.Object({ type: Type.Literal('presence.get'), id: Id, channel: ChannelName });
export const PresenceWatch = Type.Object({
  type: Type.Literal('presence.watch'),
  id: Id,
  channel: ChannelName,
});
export const PresenceUnwatch = Type.Object({
  type: Type.Literal('presence.unwatch'),
  id: Id,
  channel: ChannelName,
});
export const Ice = Type.Object(
  { type: Type.Literal('ice'), id: Id },
  { description: 'Asks for STUN and TURN servers; the `ack` carries `iceServers` and `expiresAt`.' },
);

export const clientMessages = {
  hello: Hello,
  send: Send,
  join: Join,
  leave: Leave,
  refresh: Refresh,
  bye: ClientBye,
  ping: Ping,
  'presence.set': PresenceSet,
  'presence.get': PresenceGet,
  'presence.watch': PresenceWatch,
  'presence.unwatch': PresenceUnwatch,
  ice: Ice,
} as const;

export type ClientMessage = {
  [T in keyof typeof clientMessages]: Static<(typeof clientMessages)[T]>;
}[keyof typeof clientMessages];

// Server to client.

export const PresentMember = Type.Object({
  user: Name,
  device: Name,
  session: Name,
  state: Type.Optional(Type.Unknown()),
});
export type PresentMember = Static<typeof PresentMember>;

export const Spread = Type.Object(
  {
    gatewayMs: Milliseconds,
    fleetMs: Milliseconds,
    gateways: Type.Optional(
      Type.Array(
        Type.Object({
          url: Type.String(),
          weight: Type.Number({ minimum: 0 }),
          priorityUrl: Type.Optional(
            Type.String({ description: 'Where this gateway expects those in a call.' }),
          ),
        }),
      ),
    ),
  },
  { description: 'Over how long clients come back after the loss of one gateway, or of the fleet.' },
);
export type Spread = Static<typeof Spread>;

export const SessionLimits = Type.Object({
  messageBytes: Type.Integer(),
  ttlMs: Type.Integer(),
  /** How long an unanswered id may be repeated. */
  repeatMs: Type.Integer({ description: 'How long after its first send an id may be repeated.' }),
  framesPerSecond: Type.Number(),
  framesBurst: Type.Integer(),
  pending: Type.Integer({ description: 'Requests that may wait for their answers.' }),
  rooms: Type.Integer(),
});
export type SessionLimits = Static<typeof SessionLimits>;

const callWord = {
  inCall: Type.Optional(
    Type.Boolean({ description: 'Whether the resume token says that its session is in a call.' }),
  ),
  inCallMs: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1e12,
      description: 'For how long from now on it says so. Who resumes later goes where everybody goes.',
    }),
  ),
};

export const Wait = Type.Object(
  { type: Type.Literal('wait'), etaMs: Milliseconds, ahead: Type.Integer({ minimum: 0 }) },
  {
    description:
      'Before `welcome`, repeated: how long the door expects this client to wait, and how many stand before it.',
  },
);
export const Welcome = Type.Object({
  type: Type.Literal('welcome'),
  session: Name,
  user: Name,
  device: Name,
  resumed: Type.Boolean(),
  resume: Token,
  expiresAt: Type.Integer({ description: 'When the resume token expires; Unix milliseconds.' }),
  spread: Spread,
  priorityUrl: Type.Optional(
    Type.String({ description: 'Where a session in a call resumes; others are served last there.' }),
  ),
  ...callWord,
  pingMs: Milliseconds,
  cursors: Type.Array(Cursor),
  limits: SessionLimits,
});
export const SpreadChanged = Type.Object({ type: Type.Literal('spread'), ...Spread.properties });
export const ResumeRenewed = Type.Object({
  type: Type.Literal('resume'),
  resume: Token,
  expiresAt: Type.Integer(),
  ...callWord,
});
export const IceServer = Type.Object({
  urls: Type.Array(Type.String()),
  username: Type.Optional(Type.String()),
  credential: Type.Optional(Type.String()),
});
export type IceServer = Static<typeof IceServer>;
export const Ack = Type.Object({
  type: Type.Literal('ack'),
  id: Id,
  position: Type.Optional(Position),
  cursor: Type.Optional(Cursor),
  members: Type.Optional(Type.Array(PresentMember)),
  truncated: Type.Optional(Type.Boolean()),
  iceServers: Type.Optional(Type.Array(IceServer)),
  expiresAt: Type.Optional(Type.Integer()),
});
export const Nack = Type.Object(
  {
    type: Type.Literal('nack'),
    id: Type.Optional(Id),
    fault: Type.String(),
    retryAfterMs: Type.Optional(Milliseconds),
    detail: Type.Optional(Type.String()),
  },
  { description: 'Of one request; the flow goes on. `fault` is a code of the fault table.' },
);
export const ReceivedFrame = Type.Object({
  type: Type.Literal('frame'),
  channel: ChannelName,
  epoch: Type.Optional(Type.String()),
  position: Type.Optional(Position),
  id: Id,
  from: Type.Object({ user: Name, device: Name, session: Name }),
  to: Type.Optional(Type.Object({ device: Type.Optional(Name), session: Type.Optional(Name) })),
  kind: Label,
  format: Type.Optional(Type.String({ description: 'Absent: `json`.' })),
  call: Type.Optional(Label),
  at: Type.Integer({ description: 'When the sender’s gateway stamped it; Unix milliseconds.' }),
  body: Type.Unknown(),
});
export const Gap = Type.Object(
  { type: Type.Literal('gap'), channel: ChannelName, epoch: Type.String(), from: Position, to: Position },
  { description: 'Frames between these positions are lost to this session, or cannot be shown not to be.' },
);
export const Presence = Type.Object({
  type: Type.Literal('presence'),
  channel: ChannelName,
  full: Type.Optional(Type.Boolean()),
  more: Type.Optional(Type.Boolean()),
  present: Type.Array(PresentMember),
  gone: Type.Array(PresentMember),
});
export const Unreachable = Type.Object({ type: Type.Literal('unreachable'), id: Id });
export const RetryLater = Type.Object(
  {
    type: Type.Literal('retry'),
    afterMs: Milliseconds,
    url: Type.Optional(
      Type.String({ description: 'A gateway with less to do: come there after `afterMs`, once.' }),
    ),
  },
  { description: 'Before the flow closes: come back after `afterMs`.' },
);
export const ServerBye = Type.Object({
  type: Type.Literal('bye'),
  fault: Type.String(),
  spreadMs: Milliseconds,
});
export const Pong = Type.Object({ type: Type.Literal('pong') });

export const serverMessages = {
  wait: Wait,
  welcome: Welcome,
  spread: SpreadChanged,
  resume: ResumeRenewed,
  ack: Ack,
  nack: Nack,
  frame: ReceivedFrame,
  gap: Gap,
  presence: Presence,
  unreachable: Unreachable,
  retry: RetryLater,
  bye: ServerBye,
  pong: Pong,
} as const;

export type ServerMessage = {
  [T in keyof typeof serverMessages]: Static<(typeof serverMessages)[T]>;
}[keyof typeof serverMessages];

// Long poll.

export const PollRequest = Type.Object(
  {
    flow: Type.Optional(
      Type.String({ maxLength: 64, description: 'As the last answer named it; absent on the first poll.' }),
    ),
    turn: Type.Optional(Type.Integer({ minimum: 0, description: 'The turn of the last answer received.' })),
    resume: Type.Optional(Token),
    cursors: Type.Optional(Type.Array(Cursor, { maxItems: CURSORS_MAX })),
    unanswered: Type.Optional(
      Type.Boolean({
        description:
          'What an earlier poll asked has no answer yet. A gateway that opens the flow anew then says so at once, for the client to ask again.',
      }),
    ),
    messages: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 1_000 })),
  },
  {
    description:
      'One poll. A gateway that does not know the flow opens it anew from `resume` and `cursors`; one that knows it, and whose last answer was not received, gives that answer again.',
  },
);
export type PollRequest = Static<typeof PollRequest>;
export const PollAnswer = Type.Object({
  flow: Type.String(),
  turn: Type.Integer({
    description:
      'Grows by one with each answer that has messages. An answer of the same flow whose turn is not above the last one received repeats its messages: drop them.',
  }),
  messages: Type.Array(Type.Unknown()),
});
export type PollAnswer = Static<typeof PollAnswer>;
