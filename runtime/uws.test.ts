import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type us_listen_socket, uws } from './uws.ts';

test('uWebSockets.js loads on this machine, and answers a request', async (t) => {
  const app = uws.App().get('/here', (response) => {
    response.end('yes');
  });
  const socket = await new Promise<us_listen_socket | false>((resolve) => {
    app.listen('127.0.0.1', 0, resolve);
  });
  assert(socket);
  t.after(() => app.close());

  const answer = await fetch(`http://127.0.0.1:${uws.us_socket_local_port(socket)}/here`);
  assert.equal(await answer.text(), 'yes');
});
