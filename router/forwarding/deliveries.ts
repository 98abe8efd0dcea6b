/**
 * Deliveries: what goes to each gateway in this turn of the event loop, collected and sent as one message.
 *
 * A *route* is one registration of one gateway for one partition. What is added to it goes into its open
 * section, which takes the next number of the route; all open sections of a gateway travel together, at
 * most half of the bus's largest payload at a time. Sections are made as text while they are collected,
 * since one `JSON.stringify` of everything would walk all of it once more.
 *
 * A section whose partition may not be delivered for any more, and a message that the bus does not take,
 * are dropped. Their numbers are used up, so that the gateway notices by the beat.
 */

import type { Post } from '#bus/seams.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { gatewaySubject } from '#wire/subjects.ts';

export interface Route {
  readonly outbox: Outbox;
  readonly partition: number;
  /** The section up to its number. */
  readonly head: string;
  /** Of the section opened last. */
  number: number;
  open: boolean;
  entries: string;
  presence: string;
  control: string;
  envelopes: Uint8Array[];
  envelopeBytes: number;
}

/** What waits for one gateway. */
export interface Outbox {
  readonly subject: string;
  readonly routes: Route[];
  /** An upper bound of the message as it stands. */
  bytes: number;
}

export interface DeliveryCounts {
  readonly messages: { inc(): void };
  readonly dropped: { inc(): void };
}

export interface Deliveries {
  readonly post: Post;
  readonly router: string;
  readonly bytesMax: number;
  /** Whether the lease of a partition allows to deliver at this moment. */
  readonly mayDeliver: (partition: number, monotonicMs: number) => boolean;
  readonly counts: DeliveryCounts;
  readonly outboxes: Map<string, Outbox>;
  readonly waiting: Outbox[];
  /** Called when the first section of a turn is opened: `flush` is due at its end. */
  readonly due: () => void;
  readonly monotonicMs: () => number;
}

export type DeliveriesOptions = Pick<
  Deliveries,
  'post' | 'router' | 'mayDeliver' | 'counts' | 'due' | 'monotonicMs'
>;

/** Bytes of an entry beside its channel and its envelope, and of a section beside its entries, at most. */
const ENTRY_BYTES = 64;
const SECTION_BYTES = 192;
/** Bytes of UTF-8 that one character of a text may take. */
const CHARACTER_BYTES = 3;

export function createDeliveries(options: DeliveriesOptions): Deliveries {
  return {
    ...options,
    bytesMax: Math.floor(options.post.payloadBytesMax / 2),
    outboxes: new Map(),
    waiting: [],
  };
}

export function openRoute(
  deliveries: Deliveries,
  gateway: string,
  partition: number,
  term: number,
  registration: number,
): Route {
  let outbox = deliveries.outboxes.get(gateway);
  if (outbox === undefined) {
    outbox = { subject: gatewaySubject(gateway), routes: [], bytes: 0 };
    deliveries.outboxes.set(gateway, outbox);
  }
  const head = `{"partition":${partition},"term":${term},"registration":${registration},"number":`;
  return {
    outbox,
    partition,
    head,
    number: 0,
    open: false,
    entries: '',
    presence: '',
    control: '',
    envelopes: [],
    envelopeBytes: 0,
  };
}

/** Nothing is delivered to this gateway any more. */
export function forgetGateway(deliveries: Deliveries, gateway: string): void {
  deliveries.outboxes.delete(gateway);
}

/** @param channelJson the channel as JSON text. */
export function addEntry(
  deliveries: Deliveries,
  route: Route,
  channelJson: string,
  position: number,
  storedAtMs: number,
  envelope: Uint8Array,
): void {
  makeRoom(deliveries, route, ENTRY_BYTES + channelJson.length * CHARACTER_BYTES + envelope.length);
  const entry = `[${channelJson},${position},${storedAtMs},${envelope.length}]`;
  route.entries = route.entries === '' ? entry : `${route.entries},${entry}`;
  // An array that grows by `push` takes room for seventeen at once.
  if (route.envelopes.length === 0) route.envelopes = [envelope];
  else route.envelopes.push(envelope);
  route.envelopeBytes += envelope.length;
}

/** @param eventJson a `PresenceEvent`. */
export function addPresence(deliveries: Deliveries, route: Route, eventJson: string): void {
  makeRoom(deliveries, route, Buffer.byteLength(eventJson) + 1);
  route.presence = route.presence === '' ? eventJson : `${route.presence},${eventJson}`;
}

/** @param eventJson a `ControlEvent`. */
export function addControl(deliveries: Deliveries, route: Route, eventJson: string): void {
  makeRoom(deliveries, route, Buffer.byteLength(eventJson) + 1);
  route.control = route.control === '' ? eventJson : `${route.control},${eventJson}`;
}

/** Sends what was collected. */
export function flush(deliveries: Deliveries): void {
  for (let i = 0; i < deliveries.waiting.length; i++) send(deliveries, deliveries.waiting[i]!);
  deliveries.waiting.length = 0;
}

/** Opens a section of the route with room for so many bytes, sending what stands before it if there is none. */
function makeRoom(deliveries: Deliveries, route: Route, bytes: number): void {
  const { outbox } = route;
  const needed = route.open ? bytes : bytes + SECTION_BYTES;
  if (outbox.bytes > 0 && outbox.bytes + needed > deliveries.bytesMax) send(deliveries, outbox);
  if (outbox.bytes === 0) {
    if (deliveries.waiting.length === 0) deliveries.due();
    deliveries.waiting.push(outbox);
  }
  if (!route.open) {
    route.open = true;
    route.number++;
    outbox.routes.push(route);
    outbox.bytes += SECTION_BYTES;
  }
  outbox.bytes += bytes;
}

function send(deliveries: Deliveries, outbox: Outbox): void {
  const { routes } = outbox;
  const nowMs = deliveries.monotonicMs();
  let sections = '';
  let envelopeBytes = 0;
  for (let i = 0; i < routes.length; i++) {
    const route = routes[i]!;
    if (!deliveries.mayDeliver(route.partition, nowMs)) {
      deliveries.counts.dropped.inc();
      emptied(route);
      continue;
    }
    sections = sections === '' ? sectionOf(route) : `${sections},${sectionOf(route)}`;
    envelopeBytes += route.envelopeBytes;
  }
  if (sections !== '')
    publish(
      deliveries,
      outbox,
      `{"v":${NODE_VERSION},"router":"${deliveries.router}","sections":[${sections}]}\n`,
      envelopeBytes,
    );
  for (let i = 0; i < routes.length; i++) emptied(routes[i]!);
  routes.length = 0;
  outbox.bytes = 0;
}

function sectionOf(route: Route): string {
  const presence = route.presence === '' ? '' : `,"presence":[${route.presence}]`;
  const control = route.control === '' ? '' : `,"control":[${route.control}]`;
  return `${route.head}${route.number},"entries":[${route.entries}]${presence}${control}}`;
}

function publish(deliveries: Deliveries, outbox: Outbox, header: string, envelopeBytes: number): void {
  const headerBytes = Buffer.byteLength(header);
  // A frame of nearly the largest payload finds no room for the header: its gateway reads it from the log.
  if (headerBytes + envelopeBytes > deliveries.post.payloadBytesMax) {
    deliveries.counts.dropped.inc();
    return;
  }
  const message = Buffer.allocUnsafe(headerBytes + envelopeBytes);
  let at = message.write(header);
  for (let i = 0; i < outbox.routes.length; i++) {
    const { envelopes } = outbox.routes[i]!;
    for (let j = 0; j < envelopes.length; j++) {
      message.set(envelopes[j]!, at);
      at += envelopes[j]!.length;
    }
  }
  if (deliveries.post.publish(outbox.subject, message)) deliveries.counts.messages.inc();
  else deliveries.counts.dropped.inc();
}

function emptied(route: Route): void {
  route.open = false;
  route.entries = '';
  route.presence = '';
  route.control = '';
  route.envelopes.length = 0;
  route.envelopeBytes = 0;
}
