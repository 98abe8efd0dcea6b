/**
 * Attaching: the channels of one flow, as delivery and the routers are told of them.
 */

import type { Delivery } from './delivery/delivery.ts';
import type { Subscription } from './delivery/subscription.ts';
import type { FlowRecord } from './flow-record.ts';
import type { RouterClient } from './router-client/router-client.ts';
import type { SessionEffect, SessionEvent } from './session/record.ts';

export interface AttachingDeps {
  readonly delivery: Pick<Delivery, 'add' | 'remove'>;
  readonly routers: Pick<RouterClient, 'attach' | 'detach'>;
}

export function createAttaching({ delivery, routers }: AttachingDeps) {
  function attach(record: FlowRecord, effect: Extract<SessionEffect, { kind: 'attach' }>): void {
    const { id: session, user, device, flow, mode } = record.session!;
    const { channel, watch, from } = effect;
    const own = !watch && channel === `u/${user}` ? mode : undefined;
    const state = watch ? undefined : record.presence;
    const sub = delivery.add({ channel, flow, session, user, device, watch, mode: own, state }, from);
    // An array that grows by `push` takes room for seventeen, and nearly every session has one.
    if (record.subscriptions.length === 0) record.subscriptions = [sub];
    else record.subscriptions.push(sub);
    routers.attach(sub);
  }

  function detach(record: FlowRecord, { channel, watch }: { channel: string; watch: boolean }): void {
    const at = record.subscriptions.findIndex((sub) => sub.channel === channel && sub.watch === watch);
    if (at >= 0) end(record.subscriptions.splice(at, 1)[0]!, true);
  }

  /** The answer to who joins where he stands: everything past that cursor is still to come. */
  function standing({ subscriptions }: FlowRecord, effect: { id: string; channel: string }): SessionEvent {
    const { id, channel } = effect;
    const sub = subscriptions.find((sub) => sub.channel === channel && !sub.watch);
    const cursor = sub && { channel, epoch: sub.epoch, position: sub.cursor };
    return { kind: 'served', id, answer: { ok: true, cursor } };
  }

  /** `left`: by the session's own word; else it was lost. */
  function detachAll(record: FlowRecord, left: boolean): void {
    for (const sub of record.subscriptions) end(sub, left);
    record.subscriptions = [];
  }

  function end(sub: Subscription, left: boolean): void {
    delivery.remove(sub);
    routers.detach(sub, left);
  }

  return { attach, detach, standing, detachAll };
}
