/**
 * Web under test: a web transport on a free loopback port with a fake hub behind it, closed after the test.
 */

import type { TestContext } from 'node:test';
import { nativeDialect } from '#gateway/dialects/native/native.ts';
import type { Transport } from '#gateway/seams.ts';
import { createWebTransport, type Page, type WebTransportOptions } from '#gateway/transports/web.ts';
import { type Clock, createSystemClock } from '#runtime/clock.ts';
import { createSystemRandom } from '#runtime/random.ts';
import type { FaultCode } from '#wire/faults.ts';
import { FakeHub } from './fake-hub.ts';

export interface WebUnderTest {
  readonly hub: FakeHub;
  readonly transport: Transport;
  readonly port: number;
  readonly priorityPort: number | undefined;
  readonly url: string;
  /** What was refused before a flow stood. */
  readonly refused: FaultCode[];
  /** What was said of the certificate. */
  readonly certificates: (string | undefined)[];
}

const plainOptions: WebTransportOptions = {
  host: '127.0.0.1',
  port: 0,
  tls: undefined,
  trustedProxies: [],
  allowedOrigins: [],
  loopback: true,
  socketsMax: 1_000,
  messageBytesMax: 4_096,
  idleMs: 60_000,
  unsentBytesMax: 1_048_576,
  pollHoldMs: 25_000,
  pollLingerMs: 15_000,
  pollBytesMax: 16_384,
};

export async function startWeb(
  t: TestContext,
  options: Partial<WebTransportOptions> = {},
  extra: { readonly clock?: Clock; readonly pages?: readonly Page[] } = {},
): Promise<WebUnderTest> {
  const hub = new FakeHub();
  const refused: FaultCode[] = [];
  const certificates: (string | undefined)[] = [];
  let flow = 0;
  const transport = createWebTransport(
    { ...plainOptions, ...options },
    { webSocket: [nativeDialect], poll: nativeDialect },
    hub,
    {
      clock: extra.clock ?? createSystemClock(),
      random: createSystemRandom(),
      flowNumber: () => ++flow,
      refused: (fault) => refused.push(fault),
      certificateChanged: (problem) => certificates.push(problem),
      pages: extra.pages ?? [],
    },
  );
  t.after(() => transport.close());
  const { main: port, call: priorityPort } = await transport.listen();
  return { hub, transport, port, priorityPort, url: `http://127.0.0.1:${port}`, refused, certificates };
}
