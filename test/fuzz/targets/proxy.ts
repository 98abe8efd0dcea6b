/**
 * PROXY headers: the first bytes of connections to a real transport that trusts who connects.
 *
 * Whatever comes, the process lives; the client is who the header says in an address that is one, or the peer; and the
 * next connection with a good header is served.
 */

import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { rawSocket, upgradeRequest } from '../../contracts/raw-socket.ts';
import { startWeb, type WebUnderTest } from '../../contracts/web-under-test.ts';
import type { Target } from '../target.ts';

/** Before the peer has said everything that it is going to say. */
const ANSWER_MS = 1_000;

export async function proxyTarget(): Promise<Target> {
  const endings: (() => void)[] = [];
  const owner = { after: (end: () => void) => endings.push(end) };
  const web = await startWeb(owner as never, { trustedProxies: ['127.0.0.0/8'] });
  let judged = 0;
  return {
    name: 'proxy',
    share: 0.02,
    async judge(input) {
      const kind = await said(web, input);
      const [told] = web.hub.of('opened').splice(0);
      web.hub.told.length = 0;
      web.refused.length = 0;
      if (told !== undefined) assert(isIP(told.flow.opening.address) !== 0, 'an address that is none');
      if (++judged % 50 === 0) await assertServes(web);
      return `${kind} ${told === undefined ? '' : isIP(told.flow.opening.address)}`;
    },
    close: () => endings.forEach((end) => void end()),
  };
}

/** What comes back when the input stands before a good request: a status, or nothing. */
async function said(web: WebUnderTest, input: Buffer): Promise<string> {
  const raw = await rawSocket(web.port);
  raw.socket.end(Buffer.concat([input, Buffer.from(upgradeRequest())]));
  const timer = setTimeout(() => raw.socket.destroy(), ANSWER_MS);
  await raw.closed;
  clearTimeout(timer);
  return /^HTTP\/1\.1 (\d+)/.exec(raw.received().toString('latin1'))?.[1] ?? 'nothing';
}

async function assertServes(web: WebUnderTest): Promise<void> {
  const raw = await rawSocket(web.port);
  raw.socket.write(upgradeRequest());
  await raw.until('101');
  raw.socket.destroy();
}
