/**
 * Reception: what the head of a request says of who comes, before a byte of a dialect is read.
 *
 * The bearer token comes in `Authorization` or as `bearer.<jwt>` in the list of subprotocols, where a
 * browser can put it; it is never echoed. The address is the client's own where trusted proxies stand
 * between (`address.ts`).
 */

import type { HttpRequest, HttpResponse } from '#runtime/uws.ts';
import type { Listener, Opening } from '../seams.ts';
import { clientAddress, type Trusts, trustOf } from './address.ts';
import { isOriginAllowed, type OriginPolicy } from './origins.ts';

export interface Visitor {
  readonly opening: Opening;
  readonly originAllowed: boolean;
  /** The subprotocols offered, bearer tokens among them. */
  readonly protocols: readonly string[];
  /** The connection began with a PROXY header that was believed. */
  readonly viaProxyProtocol: boolean;
}

export type Reception = (
  response: HttpResponse,
  request: HttpRequest,
  transport: Opening['transport'],
) => Visitor;

export interface ReceptionOptions {
  readonly trustedProxies: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly loopback: boolean;
  readonly tls: object | undefined;
}

export function createReception(options: ReceptionOptions, listener: Listener): Reception {
  const trusts = trustOf(options.trustedProxies);
  const origins: OriginPolicy = { allowed: options.allowedOrigins, loopback: options.loopback };
  return (response, request, transport) => {
    const peer = text(response.getRemoteAddressAsText());
    const near = nearOf(trusts, peer, response, request);
    const origin = request.getHeader('origin') || undefined;
    const protocols = listItems(request.getHeader('sec-websocket-protocol'));
    return {
      opening: {
        transport,
        address: near.address,
        origin,
        secure: options.tls !== undefined || near.secure,
        bearer: bearerOf(request.getHeader('authorization'), protocols),
        listener,
      },
      originAllowed: isOriginAllowed(origins, origin, request.getHeader('host')),
      protocols,
      viaProxyProtocol: near.viaProxyProtocol,
    };
  };
}

interface Near {
  readonly address: string;
  readonly secure: boolean;
  readonly viaProxyProtocol: boolean;
}

/** What the peer says of the client counts only where the peer is trusted. */
function nearOf(trusts: Trusts, peer: string, response: HttpResponse, request: HttpRequest): Near {
  const address = clientAddress(trusts, peer, '', '');
  if (!trusts(address)) return { address, secure: false, viaProxyProtocol: false };
  const proxied = text(response.getProxiedRemoteAddressAsText());
  return {
    address: clientAddress(trusts, peer, proxied, forwardedForOf(request)),
    secure: request.getHeader('x-forwarded-proto') === 'https',
    viaProxyProtocol: proxied !== '',
  };
}

/** All lines of the header: some proxies add a line of their own below the one the client sent. */
function forwardedForOf(request: HttpRequest): string {
  let all = '';
  request.forEach((key, value) => {
    if (key === 'x-forwarded-for') all += all === '' ? value : `,${value}`;
  });
  return all;
}

/** The token of `Authorization`, else of the subprotocol list. */
export function bearerOf(authorization: string, protocols: readonly string[]): string | undefined {
  const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token !== undefined) return token;
  return protocols.find((protocol) => protocol.startsWith('bearer.'))?.slice('bearer.'.length) || undefined;
}

/** The token is the dialect's once the flow was opened; nobody keeps it as long as the flow lives. */
export function withoutBearer(opening: Opening): Opening {
  return opening.bearer === undefined ? opening : { ...opening, bearer: undefined };
}

export function listItems(header: string): readonly string[] {
  return header === '' ? [] : header.split(',').map((item) => item.trim());
}

function text(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString('latin1');
}
