/**
 * Admission messages: what the doors of gateways and the routers say to each other about load.
 *
 *     loads              each gateway, every 250 ms: a `LoadReport`; every router hears it, and `npm run doors`
 *     door.<gateway>     the router that decides on admission, every 250 ms: `DoorNews`
 *
 * One router decides at a time: the one that holds partition 0, whose term numbers its news, so that a gateway ignores
 * what an earlier one still says. News are never repeated and never answered. What a gateway acts on stands in its
 * reports, so whatever was lost on the way is told again. A gateway that heard no news for 3 s goes on by itself.
 *
 * Schema first, compiled once at load. Fields that are not known are taken away,
 * so that nobody keeps them or passes them on.
 */

import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { NODE_VERSION } from './limits.ts';
import { Spread } from './messages.ts';
import { decodeNodeMessage } from './nodes.ts';

const Version = Type.Integer({ minimum: 1 });
/** As a subject names it. */
const Gateway = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_~-]+$' });
const Url = Type.String({ minLength: 1, maxLength: 512, pattern: '^(https?|wss?)://[^\\s]+$' });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Rate = Type.Number({ minimum: 0, maximum: 1e9 });

/** What a shared ceiling is asked for by: set-ups of those who come with a token, or all set-ups. */
export const creditKinds = ['fresh', 'all'] as const;
export type CreditKind = (typeof creditKinds)[number];

// Limits.

/** `dryRun`: nobody is made to wait or refused for it; what would have been is counted. */
const Limit = Type.Object({
  value: Type.Number({ minimum: 0.1, maximum: 1e6 }),
  dryRun: Type.Optional(Type.Literal(true)),
});
export type Limit = Static<typeof Limit>;

/**
 * Limits that an operator sets while everything runs. The first three are ceilings that all gateways share, in set-ups per
 * second: what a fresh client's token is checked with, the log, the directory. The others are set-ups per minute
 * at one gateway of one client address or user, refused with `retry`.
 */
export const Limits = Type.Object({
  tokenService: Type.Optional(Limit),
  log: Type.Optional(Limit),
  directory: Type.Optional(Limit),
  perAddress: Type.Optional(Limit),
  perUser: Type.Optional(Limit),
});
export type Limits = Static<typeof Limits>;
export type LimitName = keyof Limits;
export const limitNames = Object.keys(Limits.properties) as readonly LimitName[];

/** As it stands on the bus under `LIMITS_KEY`. */
const LimitsEntry = Type.Object({ v: Version, limits: Limits });
export type LimitsEntry = Static<typeof LimitsEntry>;
export const LIMITS_KEY = 'limits';

// From gateways.

const WaitingCounts = Type.Object({
  call: Count,
  stock: Count,
  resume: Count,
  fresh: Count,
  pretender: Count,
});
export type WaitingCounts = Static<typeof WaitingCounts>;
/** As the waiting room serves them. */
export const waitingClasses = Object.keys(WaitingCounts.properties) as readonly (keyof WaitingCounts)[];

/** By the limit that was the cause; `fresh` and `all` for credits. */
const LimitCounts = Type.Object({
  fresh: Type.Optional(Count),
  all: Type.Optional(Count),
  perAddress: Type.Optional(Count),
  perUser: Type.Optional(Count),
});
export type LimitCounts = Static<typeof LimitCounts>;

const LoadReport = Type.Object({
  v: Version,
  gateway: Gateway,
  /** Where clients reach this gateway and no other, if there is such an address; and those in a call. */
  url: Type.Optional(Url),
  priorityUrl: Type.Optional(Url),
  /** It goes away: nobody is sent here any more. */
  leaving: Type.Optional(Type.Literal(true)),
  listening: Type.Object({ main: Type.Boolean(), call: Type.Boolean() }),
  connections: Count,
  /** How many clients a second it could set up if it did nothing else. */
  setUpsPerSecond: Rate,
  /** That is what it was told to believe: it has not worked yet. */
  believed: Type.Optional(Type.Literal(true)),
  /** The part of the CPU that goes to anything but handshakes and set-ups. */
  busyShare: Type.Number({ minimum: 0, maximum: 1 }),
  /** CPU that everything it accepted still costs, in milliseconds. */
  workMs: Rate,
  /** Accepted, and the handshake is not done. */
  handshakes: Count,
  /** Open and not set up, by class. */
  waiting: WaitingCounts,
  /** How many of those that wait come with a token. All of them need a credit of the kind `all`. */
  waitingFresh: Count,
  /** Clients that wait and may be told to go to another gateway. */
  movable: Count,
  /** Set-ups since this gateway began. */
  setUps: Count,
  /** Since it began: not let in, or not at once, because of a limit; and what a dry run would have done so to. */
  limited: Type.Optional(LimitCounts),
  wouldLimit: Type.Optional(LimitCounts),
  /** What it acts on: the term of the news heard last, and credits per window; absent while it goes on by itself. */
  term: Type.Optional(Count),
  credits: Type.Optional(Type.Object({ fresh: Type.Optional(Count), all: Type.Optional(Count) })),
  /** The revision of the limits it acts on; 0: none were told. */
  limits: Count,
  /** The windows its clients were told last, and of how many gateways. Absent: none but those configured. */
  spread: Type.Optional(Type.Object({ gatewayMs: Count, fleetMs: Count, gateways: Type.Optional(Count) })),
});
export type LoadReport = Static<typeof LoadReport>;

// To gateways.

const Allotment = Type.Object({
  /** Set-ups that may begin in this window of 250 ms. */
  credits: Count,
  /** The ceiling of the whole fleet; while no news come, each gateway takes its even part of it. */
  perSecond: Rate,
  /** Count what goes beyond, and let it pass. */
  dryRun: Type.Optional(Type.Literal(true)),
});
export type Allotment = Static<typeof Allotment>;

const DoorNews = Type.Object({
  v: Version,
  router: Type.String({ maxLength: 64 }),
  /** Numbers the routers that decide: news of an older term are ignored. */
  term: Count,
  /** Runs on by one under its term; credits are those of this window. */
  window: Count,
  /**
   * Absent: the router is still learning, go on as before. A kind that is absent has no ceiling. `gateways`: how many share
   * the ceilings.
   */
  credits: Type.Optional(
    Type.Object({
      gateways: Type.Integer({ minimum: 1, maximum: 1e6 }),
      fresh: Type.Optional(Allotment),
      all: Type.Optional(Allotment),
    }),
  ),
  /** Clients are to be told this. */
  spread: Type.Optional(Spread),
  /** Send so many of those that wait, the hindmost, on to these addresses. */
  moves: Type.Optional(
    Type.Array(Type.Object({ url: Url, clients: Type.Integer({ minimum: 1, maximum: 1e9 }) })),
  ),
  /** Close so many sessions that are idle, never one in a call: this gateway holds more than its part. */
  shed: Type.Optional(Type.Integer({ minimum: 1, maximum: 1e6 })),
  /** The limits that are not ceilings, told where a report shows another revision. */
  limits: Type.Optional(
    Type.Object({
      revision: Count,
      perAddress: Type.Optional(Limit),
      perUser: Type.Optional(Limit),
    }),
  ),
});
export type DoorNews = Static<typeof DoorNews>;

// Reading and writing.

/** What a message is that cannot be taken: of a later release, or broken. */
export type Unreadable = 'VERSION' | 'MALFORMED';

export const readLoadReport = reader<LoadReport>(LoadReport);
export const readDoorNews = reader<DoorNews>(DoorNews);
export const readLimits = reader<LimitsEntry>(LimitsEntry);

export function encodeAdmission(message: LoadReport | DoorNews | LimitsEntry): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

function reader<Message extends { readonly v: number }>(schema: TSchema) {
  const validator = Compile(schema);
  const clean = cleaner(schema);
  return (data: Uint8Array): Message | Unreadable => {
    const message = decodeNodeMessage<{ readonly v?: unknown }>(data);
    if (typeof message?.v === 'number' && message.v > NODE_VERSION) return 'VERSION';
    if (!validator.Check(message)) return 'MALFORMED';
    clean?.(message);
    return message as unknown as Message;
  };
}

/**
 * Takes away what the schema does not name, of objects and what they hold; `undefined`: nothing of this schema can have more
 * than it should. `Clean` of typebox looks through the whole schema for each message, which took a gateway with nothing to
 * do a twelfth of its time.
 */
function cleaner(schema: TSchema): ((value: unknown) => void) | undefined {
  if (Type.IsArray(schema)) {
    const clean = cleaner(schema.items);
    return clean && ((items) => (items as unknown[]).forEach(clean));
  }
  if (!Type.IsObject(schema)) return undefined;
  const fields = new Map(Object.entries(schema.properties).map(([name, field]) => [name, cleaner(field)]));
  return (value) => {
    const object = value as Record<string, unknown>;
    for (const name of Object.keys(object)) {
      if (!fields.has(name)) delete object[name];
      else if (object[name] !== undefined) fields.get(name)?.(object[name]);
    }
  };
}
