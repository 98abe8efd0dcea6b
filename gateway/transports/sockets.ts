/**
 * Sockets: how many TCP connections stand at the clients' ports, those included that have said nothing yet.
 *
 * Who connects and sends its request byte by byte, or none, is no flow and holds no more than a file descriptor until
 * uWebSockets.js gives up on it (8 to 12 s after it came, whatever came meanwhile); but of file descriptors there are only
 * so many, and without one nobody can come. So past a bound connections are closed as they come. The hub hears of each
 * connection before its TLS handshake, and of those that ended before a request of theirs was answered.
 */

import type { HttpResponse, TemplatedApp } from '#runtime/uws.ts';
import type { Listener, TransportEvents } from '../seams.ts';

export interface Sockets {
  /** Counts what connects to an app. */
  watch(app: TemplatedApp, listener: Listener): void;
  /** A WebSocket was closed: uWebSockets.js no longer counts it among those that connected. */
  webSocketClosed(): void;
  /** How many connections more there may be. */
  left(): number;
}

export interface SocketsDeps {
  readonly max: number;
  readonly events: Pick<TransportEvents, 'knocked' | 'hungUp'>;
  /** Told the count each time. */
  readonly changed: (count: number) => void;
  /** Told of each connection that was closed past the bound. */
  readonly refused: () => void;
}

export function createSockets({ max, events, changed, refused }: SocketsDeps): Sockets {
  let count = 0;
  /** A connection is being closed here, and its end is no news. */
  let closing = false;
  function add(more: number): void {
    count += more;
    changed(count);
  }
  function came(response: HttpResponse, listener: Listener): void {
    if (count > max) refused();
    else if (events.knocked(listener)) return;
    closing = true;
    response.close();
    closing = false;
  }
  function changedBy(response: HttpResponse, more: unknown, listener: Listener): void {
    add(Number(more));
    if (Number(more) > 0) came(response, listener);
    // Nothing was ever answered: it was not through.
    else if (!closing && response.getWriteOffset() === 0) events.hungUp(listener);
  }
  return {
    watch: (app, listener) => void app.filter((response, more) => changedBy(response, more, listener)),
    webSocketClosed: () => add(-1),
    left: () => max - count,
  };
}
