/**
 * Sockets: how many TCP connections stand at the clients' port, those included that have said nothing yet.
 *
 * Who connects and sends its request byte by byte, or none, is no flow and holds no more than a file descriptor until
 * uWebSockets.js gives up on it (8 to 12 s after it came, whatever came meanwhile); but of file descriptors there are only
 * so many, and without one nobody can come. So past a bound connections are closed as they come.
 */

import type { HttpResponse, TemplatedApp } from '#runtime/uws.ts';

export interface Sockets {
  /** Counts what connects to an app. */
  watch(app: TemplatedApp): void;
  /** A WebSocket was closed: uWebSockets.js no longer counts it among those that connected. */
  webSocketClosed(): void;
}

/**
 * @param changed told the count each time.
 * @param refused told of each connection that was closed past the bound.
 */
export function createSockets(max: number, changed: (count: number) => void, refused: () => void): Sockets {
  let count = 0;
  function add(more: number): void {
    count += more;
    changed(count);
  }
  function changedBy(response: HttpResponse, more: unknown): void {
    add(Number(more));
    if (count <= max || Number(more) < 0) return;
    refused();
    response.close();
  }
  return {
    watch: (app) => void app.filter(changedBy),
    webSocketClosed: () => add(-1),
  };
}
