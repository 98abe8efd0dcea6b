/**
 * Addresses: whose connection it is by the socket, the PROXY protocol and `X-Forwarded-For`; four lines of text.
 *
 *     trusted networks, separated by commas ⏎ peer ⏎ what the PROXY header said ⏎ X-Forwarded-For
 *
 * The answer is an address in the one way it is written, or the peer; what is said through somebody who is not trusted
 * changes nothing; and it is the answer of the rule, written down once more.
 */

import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { canonicalAddress, clientAddress, type Trusts, trustOf } from '#gateway/transports/address.ts';
import type { Target } from '../target.ts';

export function addressTarget(): Target {
  return {
    name: 'address',
    judge(input) {
      const [networks = '', peer = '', proxied = '', ...rest] = input.toString('latin1').split('\n');
      const forwardedFor = rest.join('\n');
      const trusts = trustIn(networks);
      const address = clientAddress(trusts, peer, proxied, forwardedFor);
      if (address !== peer) assert.equal(canonicalAddress(address), address, 'not the one way to write it');
      assert.equal(address, expected(trusts, peer, proxied, forwardedFor));
      const near = canonicalAddress(peer) ?? peer;
      if (!trusts(near)) assert.equal(address, near, 'believed somebody who is not trusted');
      return `${isIP(peer)} ${isIP(proxied)} ${isIP(address)} ${address === peer}`;
    },
  };
}

function trustIn(networks: string): Trusts {
  try {
    return trustOf(networks.split(','));
  } catch (error) {
    // Its contract: a RangeError for what is no network.
    if (!(error instanceof RangeError)) throw error;
    return trustOf(['127.0.0.0/8', '10.0.0.0/8', '::1']);
  }
}

/** All hops in a row, the nearest first; the first that is not trusted is the client, the last readable one else. */
function expected(trusts: Trusts, peer: string, proxied: string, forwardedFor: string): string {
  const forwarded = forwardedFor === '' ? [] : forwardedFor.split(',').reverse().map(withoutPort);
  const hops = [...(proxied === '' ? [] : [proxied]), ...forwarded].map(canonicalAddress);
  let client = canonicalAddress(peer) ?? peer;
  for (const hop of hops) {
    if (!trusts(client) || hop === undefined) break;
    client = hop;
  }
  return client;
}

function withoutPort(entry: string): string {
  const text = entry.trim();
  const [, bracketed] = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text) ?? [];
  if (bracketed !== undefined) return bracketed;
  return /^[\d.]+:\d{1,5}$/.test(text) ? text.replace(/:.*/, '') : text;
}
