/**
 * Demo site: the demo page on a server of its own, as a customer would put it before a fleet, with an issuer
 * behind its login and a load balancer before the gateways.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDemoPage } from '#demo/serve.ts';
import { type Balancer, startBalancer } from '../harness/balancer.ts';
import type { Issuer } from '../harness/tokens.ts';

export interface DemoSite {
  readonly url: string;
  readonly balancer: Balancer;
  close(): Promise<void>;
}

/** @param gateways URLs in the order in which this site's balancer tries them. */
export async function startDemoSite(issuer: Issuer, gateways: () => readonly string[]): Promise<DemoSite> {
  const balancer = await startBalancer(gateways);
  const page = await createDemoPage({ login: true, signaling: `http://127.0.0.1:${balancer.port}` });
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
    if (request.method === 'POST' && pathname === '/demo/token') {
      const token = issuer.token(searchParams.get('name') ?? '');
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token }));
      return;
    }
    const { status, headers, body } = page.answer(pathname);
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    balancer,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await balancer.close();
    },
  };
}
