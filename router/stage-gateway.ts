/**
 * Stage gateway: a gateway as simple as the protocol of nodes allows; it announces, beats and keeps what comes. For tests.
 */

import assert from 'node:assert/strict';
import type { Bus } from '#bus/seams.ts';
import type { VirtualClock } from '#runtime/clock.ts';
import { partitionOf } from '#wire/channels.ts';
import { decodeEnvelope } from '#wire/envelope.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import {
  type AttachAnswer,
  type Attached,
  type AttachOp,
  type BeatAnswer,
  type ControlEvent,
  type Delivery,
  type DeliverySection,
  type DirectoryOp,
  decodeDelivery,
  decodeNodeMessage,
  encodeNodeMessage,
  type PartitionAnswer,
  type PartitionLease,
  type PartitionOps,
  type PresenceAnswer,
  type PresenceEvent,
} from '#wire/nodes.ts';
import { gatewaySubject, routerSubject } from '#wire/subjects.ts';

export type Answered = Extract<PartitionAnswer, { term: number }>;

export interface Frame {
  readonly channel: string;
  readonly position: number;
  readonly id: string;
}

export interface StageGateway {
  readonly messages: { length: number; delivery: Delivery; envelopes: Uint8Array }[];
  /** What it announces. */
  holding: AttachOp[];
  /** Sends no beats. */
  silent: boolean;
  partition(channel: string): number;
  term(channel: string): number;
  registration(channel: string): number;
  /** Registers at the owner of every partition with these; the answers to them, in their order. */
  announce(ops: readonly AttachOp[]): Promise<readonly (Attached | undefined)[]>;
  /** The same again, with the orders known. */
  announceAnew(): Promise<readonly (Attached | undefined)[]>;
  /** Adds to the registration of a channel's partition. */
  send(channel: string, ops: readonly DirectoryOp[]): Promise<Answered | undefined>;
  request(partitions: readonly PartitionOps[]): Promise<readonly (PartitionAnswer | undefined)[]>;
  beat(): Promise<ReadonlyMap<number, BeatAnswer['partitions'][number]>>;
  members(channel: string): Promise<PresenceAnswer | undefined>;
  sections(): readonly DeliverySection[];
  frames(channel?: string): readonly Frame[];
  presence(channel: string): readonly PresenceEvent[];
  control(): readonly ControlEvent[];
  assertNumbersWithoutHole(): void;
}

export function createStageGateway(
  bus: Bus,
  clock: VirtualClock,
  name: string,
  leaseOf: (partition: number) => PartitionLease | undefined,
): StageGateway {
  const registrations = new Map<number, number>();
  const partitions = Array.from({ length: bus.log.partitions }, (_, partition) => partition);
  bus.post.subscribe(gatewaySubject(name), (data) => {
    const decoded = decodeDelivery(data);
    assert(decoded !== undefined);
    gateway.messages.push({ length: data.length, ...decoded });
  });
  clock.every(1_000, () => {
    if (!gateway.silent)
      for (const router of routers())
        void bus.post.request(routerSubject(router, 'beat'), beat, 500).catch(() => undefined);
  });
  async function ask(
    router: string,
    verb: 'attach' | 'beat' | 'presence',
    request: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const asked = bus.post.request(routerSubject(router, verb), request, 5).catch(() => undefined);
    await clock.advance(10);
    return asked;
  }
  const beat = encodeNodeMessage({ v: NODE_VERSION, gateway: name, reads: NODE_VERSION });
  const routers = () => new Set(partitions.map((partition) => leaseOf(partition)?.router ?? ''));
  const gateway: StageGateway = {
    messages: [],
    holding: [],
    silent: false,
    partition: (channel) => partitionOf(channel, bus.log.partitions),
    term: (channel) => leaseOf(gateway.partition(channel))!.term,
    registration: (channel) => registrations.get(gateway.partition(channel)) ?? 0,
    async announce(ops) {
      gateway.holding = [...ops];
      return gateway.announceAnew();
    },
    async announceAnew() {
      const answers = new Map<AttachOp, Attached | undefined>();
      const requests = partitions.map((partition): PartitionOps => {
        const ops = gateway.holding.filter(({ channel }) => gateway.partition(channel) === partition);
        return { partition, term: leaseOf(partition)?.term ?? 0, begin: true, complete: true, ops };
      });
      const answered = await gateway.request(requests);
      for (const [i, { partition, ops }] of requests.entries()) {
        const answer = answered[i];
        if (answer === undefined || 'stale' in answer) continue;
        registrations.set(partition, answer.registration);
        for (const [j, op] of ops.entries()) answers.set(op as AttachOp, answer.attached[j]);
      }
      const inOrder = gateway.holding.map((op) => answers.get(op));
      gateway.holding = gateway.holding.map((op, i) => {
        const order = inOrder[i]?.order;
        return order === undefined ? op : { ...op, order };
      });
      return inOrder;
    },
    async send(channel, ops) {
      const partition = gateway.partition(channel);
      const registration = gateway.registration(channel);
      const [answer] = await gateway.request([{ partition, term: gateway.term(channel), registration, ops }]);
      return answer === undefined || 'stale' in answer ? undefined : answer;
    },
    async request(requests) {
      const answers = new Map<number, PartitionAnswer>();
      const byRouter = Map.groupBy(
        requests.keys(),
        (i) => (leaseOf(requests[i]!.partition) ?? leaseOf(0))!.router,
      );
      for (const [router, indexes] of byRouter) {
        const some = [...indexes];
        const request = { v: NODE_VERSION, gateway: name, partitions: some.map((i) => requests[i]!) };
        const data = await ask(router, 'attach', encodeNodeMessage(request));
        const answer = data === undefined ? undefined : decodeNodeMessage<AttachAnswer>(data);
        for (const [i, partition] of answer?.partitions.entries() ?? []) answers.set(some[i]!, partition);
      }
      return requests.map((_, i) => answers.get(i));
    },
    async beat() {
      const said = new Map<number, BeatAnswer['partitions'][number]>();
      for (const router of routers()) {
        const data = await ask(router, 'beat', beat);
        const answer = data === undefined ? undefined : decodeNodeMessage<BeatAnswer>(data);
        for (const partition of answer?.partitions ?? []) said.set(partition[0], partition);
      }
      return said;
    },
    async members(channel) {
      const data = await ask(
        leaseOf(gateway.partition(channel))!.router,
        'presence',
        encodeNodeMessage({ v: NODE_VERSION, channel }),
      );
      return data === undefined ? undefined : decodeNodeMessage<PresenceAnswer>(data);
    },
    sections: () => gateway.messages.flatMap(({ delivery }) => delivery.sections),
    frames: (channel) =>
      gateway.messages
        .flatMap(framesOf)
        .filter((frame) => channel === undefined || frame.channel === channel),
    presence: (channel) =>
      gateway
        .sections()
        .flatMap((section) => section.presence ?? [])
        .filter((event) => event.channel === channel),
    control: () => gateway.sections().flatMap((section) => section.control ?? []),
    assertNumbersWithoutHole() {
      const last = new Map<string, number>();
      for (const { partition, term, registration, number } of gateway.sections()) {
        const key = `${partition} ${term} ${registration}`;
        assert.equal(number, (last.get(key) ?? 0) + 1, `section of partition ${partition}`);
        last.set(key, number);
      }
    },
  };
  return gateway;
}

function framesOf({ delivery, envelopes }: { delivery: Delivery; envelopes: Uint8Array }): Frame[] {
  let at = 0;
  return delivery.sections
    .flatMap(({ entries }) => entries)
    .map(([channel, position, , bytes]) => {
      const envelope = decodeEnvelope(envelopes.subarray(at, at + bytes));
      at += bytes;
      assert(typeof envelope !== 'string');
      return { channel, position, id: envelope.header.id };
    });
}
