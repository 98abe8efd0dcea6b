import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { Counter, type Gauge, Registry } from 'prom-client';
import { type OperationsServer, serveOperations } from './health.ts';

async function withServer(
  act: (at: string, set: (reason: string | undefined) => void) => Promise<void>,
  register = new Registry(),
): Promise<void> {
  let reason: string | undefined = 'the bus is away';
  const server: OperationsServer = await serveOperations({
    host: '127.0.0.1',
    port: 0,
    register,
    ready: () => reason,
  });
  try {
    await act(`http://127.0.0.1:${server.port}`, (next) => {
      reason = next;
    });
  } finally {
    await server.close();
  }
}

test('alive is not the same as ready', () =>
  withServer(async (at, set) => {
    const alive = await fetch(`${at}/healthz`);
    assert.equal(alive.status, 200);
    assert.equal(await alive.text(), 'alive\n');

    const unready = await fetch(`${at}/readyz`);
    assert.equal(unready.status, 503);
    assert.equal(await unready.text(), 'not ready: the bus is away\n');

    set(undefined);
    const ready = await fetch(`${at}/readyz?verbose`);
    assert.equal(ready.status, 200);
    assert.equal(await ready.text(), 'ready\n');
  }));

test('the metrics are those of the register and of the process', async () => {
  const register = new Registry();
  new Counter({ name: 'frames_total', help: 'Frames.', registers: [register] }).inc(3);
  await withServer(async (at) => {
    const metrics = await fetch(`${at}/metrics`);
    assert.equal(metrics.headers.get('content-type'), register.contentType);
    const text = await metrics.text();
    assert.match(text, /^frames_total 3$/m);
    assert.match(text, /^process_cpu_seconds_total [\d.]+$/m);
    assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
  }, register);
});

test('the lag of the loop is what it is late by, without the time between two looks at it', async () => {
  const register = new Registry();
  await withServer(async () => {
    const lag = register.getSingleMetric('nodejs_eventloop_lag_p99_seconds') as Gauge;
    const shown = async (measured: number) => {
      lag.set({}, measured);
      return (await lag.get()).values[0]?.value ?? Number.NaN;
    };
    // Node's histogram holds the times from one look to the next, here of 50 ms where the loop is on time.
    assert.equal(await shown(0.05), 0);
    assert.equal(await shown(0.0499), 0);
    assert.equal(await shown(0), 0);
    assert.equal(await shown(0.3), 0.25);
  }, register);
});

test('metrics that cannot be read are a 500, and the process stays alive', async () => {
  const register = new Registry();
  new Counter({
    name: 'broken_total',
    help: 'Throws.',
    registers: [register],
    collect() {
      throw new Error('broken');
    },
  });
  await withServer(async (at) => {
    assert.equal((await fetch(`${at}/metrics`)).status, 500);
    assert.equal((await fetch(`${at}/healthz`)).status, 200);
  }, register);
});

test('other paths and other methods are refused; HEAD gets the head alone', () =>
  withServer(async (at) => {
    assert.equal((await fetch(`${at}/`)).status, 404);
    assert.equal((await fetch(`${at}/healthz/..%2f`)).status, 404);
    const posted = await fetch(`${at}/healthz`, { method: 'POST', body: 'x' });
    assert.equal(posted.status, 405);
    assert.equal(posted.headers.get('allow'), 'GET, HEAD');
    const head = await fetch(`${at}/healthz`, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-length'), '6');
    assert.equal(await head.text(), '');
  }));

test('closing does not wait for connections that are kept alive', async () => {
  const server = await serveOperations({
    host: '127.0.0.1',
    port: 0,
    register: new Registry(),
    ready: () => undefined,
  });
  await new Promise<void>((resolve, reject) => {
    const idle = request({
      port: server.port,
      path: '/healthz',
      agent: false,
      headers: { connection: 'keep-alive' },
    });
    idle.on('error', reject).on('response', (response) => response.resume().on('end', resolve));
    idle.end();
  });
  await server.close();
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}/healthz`));
});

test('a port that is taken is a rejection', () =>
  withServer(async (at) => {
    const taken = { host: '127.0.0.1', port: Number(new URL(at).port), register: new Registry() };
    await assert.rejects(serveOperations({ ...taken, ready: () => undefined }), { code: 'EADDRINUSE' });
  }));
