/**
 * Arrivals: what routers and the log bring, handed to the flow it is for.
 *
 * Answers to attaches, frames, gaps, presence, and what an owner tells one session; the hub gives this to
 * delivery and to the router client as their events.
 */

import type { Cursor } from '#wire/messages.ts';
import type { Attached, ControlEvent, DeliverySection, PartitionAnswer, PresenceEvent } from '#wire/nodes.ts';
import type { Delivery } from './delivery/delivery.ts';
import type { Gap, Subscription } from './delivery/subscription.ts';
import type { FlowRecord } from './flow-record.ts';
import type { FlowTable } from './flow-table.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Attachment, DeliveredFrame, DialectEvent } from './seams.ts';
import type { SessionEvent } from './session/record.ts';

export interface ArrivalDeps {
  readonly flows: FlowTable;
  readonly metrics: GatewayMetrics;
  /** The time of the log, in which frames are stamped. */
  logNowMs(): number;
  delivery(): Delivery;
  /** The flow of a session that asked to be told of absent targets. */
  asker(session: string): FlowRecord | undefined;
  feed(record: FlowRecord, event: SessionEvent): void;
  tell(record: FlowRecord, event: DialectEvent): void;
  /** A frame of a call came for this flow. */
  called(record: FlowRecord, frame: DeliveredFrame): void;
}

/** Of so many frames the delivery time of one is measured: a histogram costs as much as the rest of a hand-over. */
const DELIVERY_SAMPLE = 16;

export function createArrivals({
  flows,
  metrics,
  logNowMs,
  delivery,
  asker,
  feed,
  tell,
  called,
}: ArrivalDeps) {
  let framesSeen = 0;

  function attached(
    attachment: Attachment,
    answer: Extract<PartitionAnswer, { term: number }>,
    item: Attached,
  ): void {
    const sub = attachment as Subscription;
    const record = flows.get(sub.flow);
    if (record === undefined || sub.phase === 'gone') return;
    if (item.fault !== undefined) return feed(record, { kind: 'attachRefused', fault: item.fault });
    if (item.order !== undefined) sub.order = item.order;
    if (item.state !== undefined) keptPresence(record, item.state);
    if (item.superseded !== undefined) feed(record, { kind: 'superseded', mode: item.superseded });
    else if (item.order !== undefined) feed(record, { kind: 'restored' });
    const { epoch, head, floor } = answer;
    if (!record.ended)
      delivery().attached(sub, { epoch, head, floor, last: item.last, forgotten: item.forgotten });
  }

  /** A resumed session keeps the presence state it had. */
  function keptPresence(record: FlowRecord, state: string): void {
    if (record.presence !== undefined) return;
    record.presence = state;
    for (const sub of record.subscriptions) if (!sub.watch) sub.state = state;
  }

  function section(arrived: DeliverySection, epoch: string, envelopes: Uint8Array, offset: number): number {
    const end = delivery().deliver(arrived, epoch, envelopes, offset);
    for (const event of arrived.presence ?? []) presenceChanged(event);
    for (const event of arrived.control ?? []) controlled(event);
    return end;
  }

  function frame(flow: number, delivered: DeliveredFrame): void {
    const record = flows.get(flow);
    if (record === undefined) return;
    if (delivered.header.call !== undefined) called(record, delivered);
    tell(record, { kind: 'frame', frame: delivered });
    if (++framesSeen % DELIVERY_SAMPLE === 0) {
      metrics.deliverySeconds.observe(Math.max(0, logNowMs() - delivered.header.at) / 1000);
    }
  }

  function standing(sub: Subscription, cursor: Cursor): void {
    const record = flows.get(sub.flow);
    if (record !== undefined)
      feed(record, { kind: 'attached', channel: sub.channel, watch: sub.watch, cursor });
  }

  function gap(sub: Subscription, { epoch, from, to }: Gap, ahead: boolean): void {
    metrics.gaps.inc();
    if (ahead) metrics.faults.inc({ fault: 'CURSOR_AHEAD' });
    const record = flows.get(sub.flow);
    if (record !== undefined) tell(record, { kind: 'gap', channel: sub.channel, epoch, from, to });
  }

  function presenceChanged({ channel, full, more, present, gone }: PresenceEvent): void {
    const event = {
      kind: 'presence',
      channel,
      full: full === true,
      more: more === true,
      present,
      gone,
    } as const;
    for (const sub of [...delivery().subscriptionsOf(channel)]) {
      const record = sub.watch ? flows.get(sub.flow) : undefined;
      if (record !== undefined) tell(record, event);
    }
  }

  function controlled(event: ControlEvent): void {
    const record = event.kind === 'unreachable' ? asker(event.session) : flows.get(event.flow);
    if (record?.session?.id !== event.session) return;
    if (event.kind === 'unreachable') tell(record, { kind: 'unreachable', id: event.id });
    else feed(record, event);
  }

  return { attached, section, frame, standing, gap };
}
