/** Closing server: the server of `closing.ts`, which stops and starts to listen for as long as it runs. */

import { setTimeout as after, setImmediate as nextTurn } from 'node:timers/promises';
import { type us_listen_socket, uws } from '#runtime/uws.ts';

const [from, transport, port, key_file_name = '', cert_file_name = ''] = process.argv.slice(2);
const [OPEN_MS, SHUT_MS, SET_UP_MS, SLICE_MS] = [100, 50, 0.2, 1];
const app = transport === 'tls' ? uws.SSLApp({ key_file_name, cert_file_name }) : uws.App();
let listener: us_listen_socket | undefined;
let waiting = 0;
let closes = 0;

app.ws('/*', { open: () => void waiting++ });

function listen(): void {
  app.listen('127.0.0.1', Number(port), (socket) => {
    listener = socket === false ? undefined : socket;
  });
}

async function setUp(): Promise<void> {
  for (;;) {
    await nextTurn();
    const endMs = performance.now() + SLICE_MS;
    for (; waiting > 0 && performance.now() < endMs; waiting--) {
      const doneMs = performance.now() + SET_UP_MS;
      while (performance.now() < doneMs);
    }
    if (waiting === 0) await after(1);
  }
}

async function openAndShut(): Promise<void> {
  for (;;) {
    if (listener === undefined) listen();
    await after(OPEN_MS);
    if (from !== 'timer') await nextTurn();
    if (listener !== undefined) uws.us_listen_socket_close(listener);
    listener = undefined;
    closes++;
    await after(SHUT_MS);
  }
}

listen();
process.on('message', () => process.send?.({ closes }));
process.on('disconnect', () => process.exit(0));
process.send?.('listens');
void setUp();
void openAndShut();
