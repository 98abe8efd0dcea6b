/**
 * Addresses: where an attempt to come back goes.
 *
 *     sent on by a gateway                  there, once
 *     gateways told with their weights      one of them by weight, not the one just lost; in a call, its port for that
 *     in a call, and none told              the address for those in a call, where the service has told one
 *     now and then, and else                the address that the app gave
 *
 * Every third attempt goes to the address that the app gave: what was told may be out of date, and behind that address
 * may stand a balancer that knows more.
 *
 * Pure. `connection.ts` asks it for each attempt.
 */

import type { Spread } from '#wire/messages.ts';

export interface Addresses {
  /** As the app gave it. */
  readonly service: string;
  /** As last told. */
  readonly gateways: NonNullable<Spread['gateways']>;
  /** Where the service expects those in a call, if it has told. */
  readonly priorityUrl: string | undefined;
  /** Where this client was sent by the gateway at which it waited. */
  readonly sentTo: string | undefined;
  /** The flow that was lost went here, to either port of its gateway. */
  readonly lost: string | undefined;
}

const OWN_ADDRESS_EVERY = 3;

export function addressFor(
  { service, gateways, priorityUrl, sentTo, lost }: Addresses,
  attempts: number,
  inCall: boolean,
  draw: number,
): string {
  if (sentTo !== undefined) return bare(sentTo);
  if (attempts % OWN_ADDRESS_EVERY === OWN_ADDRESS_EVERY - 1) return service;
  const elsewhere = gateways.filter(
    ({ url, priorityUrl = url }) => bare(url) !== lost && bare(priorityUrl) !== lost,
  );
  const others = attempts === 0 ? elsewhere : gateways;
  const gateway = chosen(others.length > 0 ? others : gateways, draw);
  if (gateway === undefined) return inCall && priorityUrl !== undefined ? bare(priorityUrl) : service;
  return bare(inCall ? (gateway.priorityUrl ?? gateway.url) : gateway.url);
}

/** Whether it is one that a client can go to. */
export function isAddress(url: unknown): url is string {
  return typeof url === 'string' && /^(https?|wss?):\/\/[^\s/]/.test(url);
}

function chosen(gateways: Addresses['gateways'], draw: number): Addresses['gateways'][number] | undefined {
  const usable = gateways.filter(({ url, weight }) => weight > 0 && isAddress(url));
  let left = draw * usable.reduce((sum, { weight }) => sum + weight, 0);
  return usable.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
}

function bare(url: string): string {
  return url.replace(/\/+$/, '');
}
