/**
 * WebSocket flow: text messages over one WebSocket, subprotocol `snowshed.v1`.
 */

import { isFaultCode } from '#wire/faults.ts';
import type { WebSocketConstructor } from './api.ts';
import type { Flow, FlowEvents } from './flow.ts';
import type { Platform } from './platform.ts';

/** As `wire/messages.ts` has them, which the client does not carry. */
export const SUBPROTOCOL = 'snowshed.v1';
export const CONNECT_PATH = '/v1/connect';

const CLOSE_MS_MAX = 1_000;

export function openWebSocketFlow(
  WebSocket: WebSocketConstructor,
  url: string,
  platform: Platform,
  events: FlowEvents,
): Flow {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + CONNECT_PATH, [SUBPROTOCOL]);
  let open = true;
  let closed = false;
  let ended: (() => void) | undefined;
  socket.onopen = () => open && events.opened();
  socket.onmessage = ({ data }: { readonly data: unknown }) => {
    if (!open) return;
    const message = parsed(data);
    if (message !== undefined) events.received(message);
    events.heard();
  };
  // `error` is always followed by `close`, which says more.
  socket.onerror = () => {};
  socket.onclose = ({ reason }: { readonly reason: string }) => {
    closed = true;
    ended?.();
    if (!open) return;
    open = false;
    // The service names the fault, also where no `bye` came before.
    events.closed({ fault: isFaultCode(reason) ? reason : undefined });
  };
  return {
    transport: 'websocket',
    send(...texts) {
      if (open) for (const text of texts) socket.send(text(platform.nowMs()));
    },
    close() {
      open = false;
      if (closed) return Promise.resolve();
      socket.close(1000);
      return new Promise((resolve) => {
        const cancel = platform.after(CLOSE_MS_MAX, resolve);
        ended = () => {
          cancel();
          resolve();
        };
      });
    },
  };
}

/** A service that sends what is no JSON is not ours: the message is passed over. */
function parsed(data: unknown): unknown {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined;
  }
}
