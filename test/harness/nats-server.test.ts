import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { startNatsCluster, startNatsServer } from './nats-server.ts';

/** The first line of a server says who it is. */
function greeting(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
  });
}

test('a server starts, ends and starts again on its port', async () => {
  await using server = await startNatsServer();
  const first = server.pid;
  assert.match(await greeting(server.port), /^INFO .*"jetstream":true/);
  await server.kill();
  assert.equal(server.pid, undefined);
  await assert.rejects(greeting(server.port), /ECONNREFUSED/);
  await server.start();
  assert.notEqual(server.pid, first);
  assert.match(await greeting(server.port), /^INFO /);
});

test('the servers of a cluster know each other', async () => {
  await using cluster = await startNatsCluster(3);
  for (const server of cluster.servers) {
    const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/varz`);
    const { routes } = (await answer.json()) as { routes: number };
    assert(routes > 0);
  }
});
