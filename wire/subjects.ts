/**
 * Subjects: where each kind of message travels on the bus.
 *
 *     sig.<partition>.<channel>   the log (a JetStream stream takes it)
 *     now.<partition>.<channel>   volatile frames
 *     gw.<gateway>                from routers to one gateway: deliveries
 *     rt.<router>.<verb>          from gateways to one router: attach, beat, presence
 *     loads                       from gateways to all routers: how much each has to do
 *     door.<gateway>              from the router that decides on admission to one gateway
 *
 * Subscriptions are O(gateways + partitions): a gateway has two, a router four and one per partition.
 */

import { busToken, type Channel } from './channels.ts';

export function logSubject(partition: number, channel: Channel): string {
  return `sig.${partition}.${busToken(channel)}`;
}

export function logSubjectsOf(partition: number): string {
  return `sig.${partition}.>`;
}

export function partitionOfLogSubject(subject: string): number {
  return Number(subject.slice(4, subject.indexOf('.', 4)));
}

export function volatileSubject(partition: number, channel: Channel): string {
  return `now.${partition}.${busToken(channel)}`;
}

export function volatileSubjectsOf(partition: number): string {
  return `now.${partition}.>`;
}

/** The last token of a log or volatile subject, which is the channel's. */
export function channelTokenOf(subject: string): string {
  return subject.slice(subject.indexOf('.', 4) + 1);
}

export function gatewaySubject(gateway: string): string {
  return `gw.${gateway}`;
}

export type RouterVerb = 'attach' | 'beat' | 'presence';

export function routerSubject(router: string, verb: RouterVerb): string {
  return `rt.${router}.${verb}`;
}

/** Load reports. A report is for all routers, so that any of them can take over with what it has heard. */
export const LOADS_SUBJECT = 'loads';

export function doorSubject(gateway: string): string {
  return `door.${gateway}`;
}

/** What all gateways are told about their doors. */
export const DOORS_SUBJECT = 'door.>';
