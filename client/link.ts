/**
 * Link: one flow from `hello` to its end, and whether the other side still lives.
 *
 * Until it is open an attempt has ten seconds; once open it stays for as long as the service keeps it in its
 * queue. Where nothing is heard for `pingMs`, it asks with a `ping`; nothing for as long again, and it is
 * dead: TCP itself would need minutes to find out. Before the welcome it is dead sooner, as there is nothing to lose. Where the app has asked something it is sooner dead: while
 * what it sent may still be repeated elsewhere.
 */

import type { ServerMessage } from '#wire/messages.ts';
import { isAddress } from './addresses.ts';
import { isCursor } from './cursors.ts';
import type { Flow, FlowEnd, FlowEvents, Text } from './flow.ts';
import type { Platform } from './platform.ts';
import { areWindows, timeOf } from './times.ts';

export type Welcome = Extract<ServerMessage, { type: 'welcome' }>;

export interface Link {
  /** From 1, growing. */
  readonly number: number;
  readonly transport: Flow['transport'];
  send(...texts: Text[]): void;
  /** Asks for a sign of life, and ends without one. */
  probe(withinMs: number): void;
  close(): Promise<void>;
}

export interface LinkEnd extends FlowEnd {
  /** The service said over how long its clients come back. */
  readonly withinMs?: number | undefined;
  /** It sent this client on to another gateway. */
  readonly sentTo?: string | undefined;
  /** The service was heard, be it in the reason of the end. */
  readonly heard: boolean;
}

export interface LinkEvents {
  /** Something came for the first time: the transport gets through. */
  heard(): void;
  welcomed(welcome: Welcome): void;
  /** Everything but `welcome`, `bye`, `retry` and `pong`. */
  received(message: ServerMessage): void;
  ended(end: LinkEnd): void;
}

const OPEN_MS_MAX = 10_000;
/** Before the service has told its own. */
const PING_MS = 30_000;
/** Whoever is asked something is heard of within so long. */
export const PROBE_MS = 5_000;
/** A flow that could not be begun. */
const none: Flow = { transport: 'websocket', send: () => undefined, close: async () => undefined };

/** @param open opens the flow; the link answers its events. */
export function createLink(
  number: number,
  open: (events: FlowEvents) => Flow,
  hello: () => string,
  platform: Platform,
  events: LinkEvents,
): Link {
  let alive = true;
  let opened = false;
  let heard = false;
  let welcomed = false;
  let pingMs = PING_MS;
  let asked = false;
  let cancel = platform.after(OPEN_MS_MAX, () => end({}));

  function end(reason: Omit<LinkEnd, 'heard'>): void {
    if (!alive) return;
    void close();
    events.ended({ ...reason, heard: heard || reason.fault !== undefined });
  }
  function close(): Promise<void> {
    alive = false;
    cancel();
    return flow.close();
  }
  /** Where the platform refuses the address, the attempt has failed; told later, as nobody knows this link yet. */
  function begun(flowEvents: FlowEvents): Flow {
    try {
      return open(flowEvents);
    } catch {
      cancel();
      cancel = platform.after(0, () => end({}));
      return none;
    }
  }
  function probe(withinMs: number): void {
    if (!alive || !opened) return;
    flow.send(() => '{"type":"ping"}');
    cancel();
    cancel = platform.after(withinMs, () => end({}));
  }
  function received(message: ServerMessage): void {
    if (!heard) events.heard();
    heard = true;
    switch (message?.type) {
      case 'welcome':
        if (!isUsable(message)) return end({});
        welcomed = true;
        pingMs = message.pingMs;
        return events.welcomed(message);
      case 'bye':
        return end({ fault: message.fault, withinMs: timeOf(message.spreadMs) });
      case 'retry':
        return end({
          afterMs: timeOf(message.afterMs),
          sentTo: isAddress(message.url) ? message.url : undefined,
        });
      case 'pong':
        return;
      case 'nack':
        // Of `hello`: a flow that was not opened will not be.
        if (message.id === undefined && !welcomed) return end({ fault: message.fault });
        return events.received(message);
      default:
        return events.received(message);
    }
  }

  const flow = begun({
    opened() {
      if (!alive) return;
      opened = true;
      flow.send(hello);
      this.heard();
    },
    heard() {
      if (!alive || !opened) return;
      asked = false;
      cancel();
      cancel = platform.after(pingMs, () => probe(welcomed ? pingMs : PROBE_MS));
    },
    received: (message) => alive && received(message as ServerMessage),
    closed: end,
  });
  function send(...texts: Text[]): void {
    flow.send(...texts);
    if (asked || !alive) return;
    asked = true;
    cancel();
    cancel = platform.after(PROBE_MS, () => probe(PROBE_MS));
  }
  return { number, transport: flow.transport, send, probe, close };
}

/** Whether it has what this client builds on. */
function isUsable({ user, resume, expiresAt, spread, pingMs, cursors, limits }: Partial<Welcome>): boolean {
  const { messageBytes, repeatMs, framesPerSecond, framesBurst, pending } = limits ?? {};
  const amounts = [expiresAt, pingMs, messageBytes, repeatMs, framesPerSecond, framesBurst, pending];
  return (
    typeof user === 'string' &&
    typeof resume === 'string' &&
    amounts.every((amount) => timeOf(amount) !== undefined) &&
    areWindows(spread) &&
    Array.isArray(cursors) &&
    cursors.every(isCursor)
  );
}
