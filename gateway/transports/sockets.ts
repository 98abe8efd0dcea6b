/**
 * Sockets: how many TCP connections stand at the clients' ports, those included that have said nothing yet.
 *
 * Who connects and sends its request byte by byte, or none, is no flow and holds no more than a file descriptor until
 * uWebSockets.js gives up on it (8 to 12 s after it came, whatever came meanwhile; some 30 s where it was held); but of
 * file descriptors there are only so many, and without one nobody can come. So past a bound connections are closed as they come. The hub hears of each
 * connection before its TLS handshake, and may hold it there.
 */

import type { HttpResponse, TemplatedApp } from '#runtime/uws.ts';
import type { Knock, Listener, TransportEvents } from '../seams.ts';
import { canonicalAddress, type Trusts } from './address.ts';

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
  readonly trusts: Trusts;
  readonly events: Pick<TransportEvents, 'knocked'>;
  /** Told the count each time. */
  readonly changed: (count: number) => void;
  /** Told of each connection that was closed past the bound. */
  readonly refused: () => void;
}

export function createSockets({ max, trusts, events, changed, refused }: SocketsDeps): Sockets {
  let count = 0;
  function changedBy(response: HttpResponse, more: number, listener: Listener): void {
    count += more;
    changed(count);
    if (more < 0) return;
    if (count > max) refused();
    else if (events.knocked(new Connection(response, listener, trusts))) return;
    response.close();
  }
  return {
    watch: (app, listener) =>
      void app.filter((response, more) => changedBy(response, Number(more), listener)),
    webSocketClosed() {
      count -= 1;
      changed(count);
    },
    left: () => max - count,
  };
}

/**
 * A connection of which nothing was read. Paused, its ClientHello stays in the kernel, and no handshake is begun. The
 * response that stands for it is let go before its first request, which has a response of its own.
 */
class Connection implements Knock {
  readonly listener: Listener;
  private readonly trusts: Trusts;
  private response: HttpResponse | undefined;
  /** By the service. */
  private closed: boolean;

  constructor(response: HttpResponse, listener: Listener, trusts: Trusts) {
    this.closed = false;
    this.response = response;
    this.listener = listener;
    this.trusts = trusts;
  }

  /** Nothing was read yet of what a proxy says. */
  address(): string | undefined {
    if (this.response === undefined) return undefined;
    const peer = Buffer.from(this.response.getRemoteAddressAsText()).toString('latin1');
    const address = canonicalAddress(peer) ?? peer;
    return this.trusts(address) ? undefined : address;
  }

  hold(gone: () => void): void {
    this.response?.onAborted(() => {
      if (this.closed) return;
      this.response = undefined;
      gone();
    });
    this.response?.pause();
  }

  goOn(): void {
    const { response } = this;
    this.response = undefined;
    response?.resume();
  }

  close(): void {
    const { response } = this;
    this.closed = true;
    this.response = undefined;
    response?.close();
  }
}
