/**
 * ICE servers: STUN and TURN servers for a client's media, with TURN credentials of its own that expire.
 *
 * As in draft-uberti-behave-turn-rest-00, which coturn (`use-auth-secret`) and others follow:
 *
 *     username   <expiry, Unix seconds>:<user>
 *     credential base64(HMAC-SHA1(secret, username))
 *
 * A user's name is percent-encoded where TURN servers differ in how they prepare a text before they compute
 * the key (RFC 8265, RFC 4013), or refuse it: coturn takes no quotes, spaces or backslashes.
 */

import { createHmac } from 'node:crypto';
import type { Clock } from '#runtime/clock.ts';
import { commaList } from '#runtime/config.ts';
import type { IceServer } from '#wire/messages.ts';
import type { IceServers } from '../seams.ts';
import type { IdentityConfig } from './config.ts';

export function createIceServers(
  config: Pick<IdentityConfig, 'STUN_URLS' | 'TURN_URLS' | 'TURN_SECRET' | 'TURN_TTL_MS'>,
  clock: Clock,
): IceServers {
  const stunUrls = commaList(config.STUN_URLS);
  const turnUrls = commaList(config.TURN_URLS);
  const secret = config.TURN_SECRET;
  const plain: readonly IceServer[] = stunUrls.length > 0 ? [{ urls: [...stunUrls] }] : [];
  return {
    iceServersFor(user) {
      const expiresAt = clock.nowMs() + config.TURN_TTL_MS;
      if (secret !== undefined && turnUrls.length > 0) {
        const turn = { urls: [...turnUrls], ...turnCredential(secret, user, expiresAt) };
        return { iceServers: [...plain, turn], expiresAt };
      }
      return plain.length > 0 ? { iceServers: plain, expiresAt } : undefined;
    },
  };
}

/** Credentials for a user that are good until `expiresAt` (Unix milliseconds; whole seconds count). */
export function turnCredential(
  secret: string,
  user: string,
  expiresAt: number,
): { readonly username: string; readonly credential: string } {
  const username = `${Math.floor(expiresAt / 1000)}:${asciiName(user)}`;
  return { username, credential: createHmac('sha1', secret).update(username).digest('base64') };
}

/** Percent-encodes the bytes that a server may refuse or change: all but printable ASCII, and `" % ' \\`. */
function asciiName(user: string): string {
  let name = '';
  for (const byte of Buffer.from(user)) {
    const character = String.fromCharCode(byte);
    name += plain.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return name;
}

const plain = /^[!#$&(-[\]-~]$/;
