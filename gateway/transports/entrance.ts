/**
 * Entrance: one port of the gateway, and the app behind it.
 *
 * A certificate cannot be changed within an app, so a new one makes a new app, which takes over the port: the old listener
 * is closed and the new one opened in the same turn of the loop. Connections that stand live on in the old
 * app. The port is tried out first with the sockets of Node: the listeners of uWebSockets.js share a port
 * with whoever else listens there, and nobody would notice.
 *
 * A listener may be shut and opened again at any time; connections that the kernel holds for it then are reset.
 */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TemplatedApp, type us_listen_socket, uws } from '#runtime/uws.ts';

export type Entrance = ReturnType<typeof createEntrance>;

/** @param wanted the port; 0: a free one. */
export function createEntrance(host: string, wanted: number, newApp: () => TemplatedApp) {
  const apps = [newApp()];
  let listener: us_listen_socket | undefined;
  let port = wanted;

  /** The listener is there when the call returns; the newest app has the newest certificate. */
  function open(): boolean {
    if (listener !== undefined) return true;
    apps.at(-1)!.listen(host, port, (socket) => {
      if (socket !== false) listener = socket;
    });
    return listener !== undefined;
  }

  function shut(): void {
    if (listener !== undefined) uws.us_listen_socket_close(listener);
    listener = undefined;
  }

  return {
    /** Rejects with `EADDRINUSE` where somebody else listens on the port. */
    async listen(): Promise<number> {
      if (listener !== undefined) return port;
      port = await freePort(host, port);
      if (!open()) throw new Error(`cannot listen on ${host}:${port}`);
      return port;
    },
    /** False where the port cannot be had just now. */
    open,
    shut,
    /** Goes on with a new app. */
    renew(): void {
      const listens = listener !== undefined;
      apps.push(newApp());
      shut();
      if (listens && !open()) throw new Error(`cannot listen on ${host}:${port}`);
    },
    close(): void {
      shut();
      for (const app of apps) app.close();
    },
  };
}

/** The port itself, or a free one for 0. */
async function freePort(host: string, port: number): Promise<number> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  const taken = (server.address() as AddressInfo).port;
  server.close();
  await once(server, 'close');
  return taken;
}
