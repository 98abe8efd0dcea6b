/** Handshake server: the TLS server of `handshake-order.ts`, in a process of its own. */

import { type HttpResponse, uws } from '#runtime/uws.ts';

const [way, port, key_file_name = '', cert_file_name = ''] = process.argv.slice(2);
const PER_TURN = 5;
const waiting: { readonly response: HttpResponse; gone: boolean }[] = [];
let turnDue = false;

const app = uws.SSLApp({ key_file_name, cert_file_name });
app.filter(came);
app.any('/*', (response) => void response.end());
app.listen('127.0.0.1', Number(port), () => {
  process.send?.('listens');
});

function came(response: HttpResponse, more: unknown): void {
  if (way !== 'paused' || Number(more) < 0) return;
  const entry = { response, gone: false };
  response.onAborted(() => {
    entry.gone = true;
  });
  response.pause();
  waiting.push(entry);
  turnSoon();
}

function turnSoon(): void {
  if (turnDue) return;
  turnDue = true;
  setImmediate(turn);
}

function turn(): void {
  turnDue = false;
  for (let done = 0; done < PER_TURN && waiting.length > 0; ) {
    const { response, gone } = waiting.shift()!;
    if (gone) continue;
    response.resume();
    done++;
  }
  if (waiting.length > 0) turnSoon();
}

process.on('message', (blockedMs: number) => {
  process.send?.('blocks');
  const endMs = performance.now() + blockedMs;
  while (performance.now() < endMs);
});
process.on('disconnect', () => process.exit(0));
