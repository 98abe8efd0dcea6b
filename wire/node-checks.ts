/**
 * Node checks: whether what another node sent has the shape that `nodes.ts` gives it.
 *
 * Nodes trust each other's word, as the bus authenticates them, but not each other's shape: a release that is
 * mistaken must not take its neighbours down. Fields that are not known are ignored. Compiled once at load; a delivery
 * of one frame is checked in 0.1 µs.
 */

import Type, { type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type {
  AttachAnswer,
  AttachRequest,
  Beat,
  BeatAnswer,
  Delivery,
  PartitionLease,
  PresenceAnswer,
  PresenceRequest,
  RouterLease,
} from './nodes.ts';

const Text = Type.String();
const Whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Yes = Type.Optional(Type.Literal(true));
const Mode = Type.Union([Type.Literal('replace'), Type.Literal('add')]);
const Version = Type.Number();

const Op = Type.Union([
  Type.Object({
    op: Type.Literal('attach'),
    channel: Text,
    flow: Whole,
    session: Text,
    user: Text,
    device: Text,
    mode: Type.Optional(Mode),
    order: Type.Optional(Whole),
    watch: Yes,
    state: Type.Optional(Text),
  }),
  Type.Object({
    op: Type.Literal('detach'),
    channel: Text,
    flow: Whole,
    session: Text,
    left: Type.Boolean(),
    watch: Yes,
  }),
  Type.Object({ op: Type.Literal('state'), channel: Text, session: Text, state: Text }),
]);

const Attached = Type.Object({
  last: Type.Optional(Whole),
  forgotten: Type.Optional(Whole),
  order: Type.Optional(Whole),
  superseded: Type.Optional(Mode),
  state: Type.Optional(Text),
  fault: Type.Optional(Type.Literal('TOO_MANY_SESSIONS')),
});

const Member = Type.Object({ user: Text, device: Text, session: Text, state: Type.Optional(Text) });

export const isAttachRequest = check<AttachRequest>(
  Type.Object({
    v: Version,
    gateway: Text,
    partitions: Type.Array(
      Type.Object({
        partition: Whole,
        term: Whole,
        begin: Yes,
        registration: Type.Optional(Whole),
        complete: Yes,
        unread: Type.Optional(Type.Array(Type.Tuple([Text, Whole]))),
        ops: Type.Array(Op),
      }),
    ),
  }),
);

export const isAttachAnswer = check<AttachAnswer>(
  Type.Object({
    v: Version,
    router: Text,
    partitions: Type.Array(
      Type.Union([
        Type.Object({ partition: Whole, stale: Type.Literal(true) }),
        Type.Object({
          partition: Whole,
          term: Whole,
          registration: Whole,
          epoch: Text,
          head: Whole,
          floor: Whole,
          attached: Type.Array(Attached),
        }),
      ]),
    ),
  }),
);

export const isBeat = check<Beat>(Type.Object({ v: Version, gateway: Text, reads: Type.Number() }));

export const isBeatAnswer = check<BeatAnswer>(
  Type.Object({
    v: Version,
    router: Text,
    partitions: Type.Array(Type.Tuple([Whole, Whole, Whole, Whole])),
  }),
);

export const isPresenceRequest = check<PresenceRequest>(Type.Object({ v: Version, channel: Text }));

export const isPresenceAnswer = check<PresenceAnswer>(
  Type.Union([
    Type.Object({ v: Version, members: Type.Array(Member), truncated: Yes }),
    Type.Object({ v: Version, stale: Type.Literal(true) }),
  ]),
);

export const isDelivery = check<Delivery>(
  Type.Object({
    v: Version,
    router: Text,
    sections: Type.Array(
      Type.Object({
        partition: Whole,
        term: Whole,
        registration: Whole,
        number: Whole,
        entries: Type.Array(Type.Tuple([Text, Whole, Type.Number(), Whole])),
        presence: Type.Optional(
          Type.Array(
            Type.Object({
              channel: Text,
              full: Yes,
              more: Yes,
              present: Type.Array(Member),
              gone: Type.Array(Member),
            }),
          ),
        ),
        control: Type.Optional(
          Type.Array(
            Type.Union([
              Type.Object({
                kind: Type.Literal('superseded'),
                session: Text,
                flow: Whole,
                mode: Mode,
              }),
              Type.Object({ kind: Type.Literal('restored'), session: Text, flow: Whole }),
              Type.Object({ kind: Type.Literal('unreachable'), session: Text, id: Text }),
            ]),
          ),
        ),
      }),
    ),
  }),
);

export const isPartitionLease = check<PartitionLease>(
  Type.Object({
    router: Text,
    term: Whole,
    position: Whole,
    positionBefore: Type.Optional(Whole),
    judged: Type.Optional(Whole),
    orderMax: Type.Optional(Whole),
    epoch: Type.Optional(Text),
    leaseMs: Type.Optional(Whole),
    released: Yes,
  }),
);

export const isRouterLease = check<RouterLease>(Type.Object({ v: Whole, leaseMs: Type.Optional(Whole) }));

function check<Message>(schema: TSchema): (value: unknown) => value is Message {
  const validator = Compile(schema);
  return (value): value is Message => validator.Check(value);
}
