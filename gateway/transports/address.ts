/**
 * Address: whose connection it is, when proxies that the operator trusts stand between.
 *
 * The hops lie in a row, the nearest first: the peer of the socket, what it says by PROXY protocol, then
 * the entries of `X-Forwarded-For` from the right. The client is the first hop that is not trusted: what
 * lies beyond it is that client's own word. A hop that cannot be read ends the row.
 *
 * Pure. Limits per address mean something only by it.
 */

import { BlockList, isIP, SocketAddress } from 'node:net';

export type Trusts = (address: string) => boolean;

/** @throws RangeError if an item is neither an address nor a network. */
export function trustOf(networks: readonly string[]): Trusts {
  if (networks.length === 0) return () => false;
  const list = new BlockList();
  for (const network of networks)
    if (!addTrusted(list, network)) throw new RangeError(`not a network: ${network}`);
  return (address) => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
}

/** Adds an address or a network such as `10.0.0.0/8` to the list; false where the text is neither. */
export function addTrusted(list: BlockList, network: string): boolean {
  const [address = '', prefix, ...rest] = network.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  const type = family === 6 ? 'ipv6' : 'ipv4';
  if (prefix === undefined) list.addAddress(address, type);
  else if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 6 ? 128 : 32)) return false;
  else list.addSubnet(address, Number(prefix), type);
  return true;
}

/**
 * The address of the client, in its canonical form.
 *
 * @param peer the other end of the socket.
 * @param proxied what the PROXY protocol said of it, or ''.
 * @param forwardedFor all lines of `X-Forwarded-For`, joined by commas in their order, or ''.
 */
export function clientAddress(trusts: Trusts, peer: string, proxied: string, forwardedFor: string): string {
  let client = canonicalAddress(peer) ?? peer;
  if (!trusts(client)) return client;
  if (proxied !== '') {
    const address = canonicalAddress(proxied);
    if (address === undefined) return client;
    client = address;
    if (!trusts(client)) return client;
  }
  let end = forwardedFor.length;
  while (end > 0) {
    const comma = forwardedFor.lastIndexOf(',', end - 1);
    const address = forwardedAddress(forwardedFor.slice(comma + 1, end));
    if (address === undefined) return client;
    client = address;
    if (!trusts(client)) return client;
    end = comma;
  }
  return client;
}

/** An entry may carry a port, and then IPv6 stands in brackets. */
function forwardedAddress(entry: string): string | undefined {
  const text = entry.trim();
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text);
  if (bracketed !== null) return canonicalAddress(bracketed[1] ?? '');
  return canonicalAddress(/^[\d.]+:\d{1,5}$/.test(text) ? text.slice(0, text.indexOf(':')) : text);
}

const mapped = '::ffff:';

/** One way to write each address: IPv6 compressed, IPv4 never as IPv6. `undefined`: not an address. */
export function canonicalAddress(text: string): string | undefined {
  const family = isIP(text);
  if (family === 4) return text;
  // A zone such as `%eth0` means something on one machine only.
  if (family === 0 || text.includes('%')) return undefined;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const inner = address.startsWith(mapped) ? address.slice(mapped.length) : '';
  return isIP(inner) === 4 ? inner : address;
}
