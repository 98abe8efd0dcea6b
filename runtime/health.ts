/**
 * Health: the operations port of a process; `/healthz`, `/readyz` and `/metrics`.
 *
 * Alive means that the event loop turns, and nothing else: it never asks the bus, since a restart would
 * mend no bus and lose every connection. Ready is what the process says of itself.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, type Gauge, type Registry } from 'prom-client';

export interface Operations {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly register: Registry;
  /** Why the process is not ready, or `undefined` when it is. */
  readonly ready: () => string | undefined;
}

export interface OperationsServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Connections of probes and scrapers at once; more would be a mistake of theirs. */
const CONNECTIONS_MAX = 256;
const REQUEST_MS_MAX = 10_000;
/** The lag of the loop is looked at so often: each look wakes the process, and an idle one is woken by little else. */
const LAG_LOOK_MS = 50;
const PLAIN = 'text/plain; charset=utf-8';

/** Serves the operations port, and adds the metrics of the process itself (CPU, memory, event loop) to the register. */
export async function serveOperations(operations: Operations): Promise<OperationsServer> {
  collectDefaultMetrics({ register: operations.register, eventLoopMonitoringPrecision: LAG_LOOK_MS });
  showLateness(operations.register);
  const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
    pageFor(operations, request).then(
      (page) => write(page, request, response),
      () => write({ status: 500, type: PLAIN, text: 'the metrics cannot be read\n' }, request, response),
    );
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(operations.port, operations.host);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

/** Node measures from one look to the next: a loop that is always on time would seem to be late by what lies between them. */
function showLateness(register: Registry): void {
  for (const which of ['min', 'max', 'mean', 'p50', 'p90', 'p99']) {
    const lag = register.getSingleMetric(`nodejs_eventloop_lag_${which}_seconds`) as Gauge;
    const set: (labels: object, seconds: number) => void = lag.set.bind(lag);
    const setLateness = (labels: object, seconds: number) =>
      set(labels, Math.max(0, seconds - LAG_LOOK_MS / 1_000));
    lag.set = setLateness as Gauge['set'];
  }
}

async function pageFor({ register, ready }: Operations, request: IncomingMessage): Promise<Page> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, type: PLAIN, text: 'only GET and HEAD\n' };
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/healthz':
      return { status: 200, type: PLAIN, text: 'alive\n' };
    case '/readyz': {
      const reason = ready();
      return reason === undefined
        ? { status: 200, type: PLAIN, text: 'ready\n' }
        : { status: 503, type: PLAIN, text: `not ready: ${reason}\n` };
    }
    case '/metrics':
      return { status: 200, type: register.contentType, text: await register.metrics() };
    default:
      return { status: 404, type: PLAIN, text: 'there is /healthz, /readyz and /metrics\n' };
  }
}

function write(page: Page, request: IncomingMessage, response: ServerResponse): void {
  const headers: Record<string, string | number> = {
    'content-type': page.type,
    'content-length': Buffer.byteLength(page.text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (page.status === 405) headers['allow'] = 'GET, HEAD';
  response.writeHead(page.status, headers);
  response.end(request.method === 'HEAD' ? undefined : page.text);
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
