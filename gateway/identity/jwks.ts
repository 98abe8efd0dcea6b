/**
 * JWKS: the key set of an issuer, fetched over HTTP within bounds of time and size.
 *
 * Redirects are not followed: the address is configured, and where it leads is the operator's to say.
 */

import type { Clock } from '#runtime/clock.ts';
import { keysOfJwks, type VerificationKey } from './keys.ts';

export interface JwksServer {
  readonly url: string;
  readonly clock: Clock;
  readonly fetchMsMax: number;
  readonly bytesMax: number;
}

/** @throws Error where the server does not answer in time with a JWK set of at most `bytesMax` bytes and a usable key. */
export async function fetchedKeys(server: JwksServer): Promise<readonly VerificationKey[]> {
  const abort = new AbortController();
  const cancel = server.clock.after(server.fetchMsMax, () => {
    abort.abort(new Error(`the JWKS server did not answer within ${server.fetchMsMax} ms`));
  });
  try {
    const response = await fetch(server.url, {
      signal: abort.signal,
      redirect: 'error',
      headers: { accept: 'application/jwk-set+json, application/json' },
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the JWKS server answered with status ${response.status}`);
    }
    const keys = keysOfJwks(JSON.parse(await boundedText(response, server.bytesMax)));
    // An error in JSON looks like a JWK of no use. A set without any key would refuse everybody.
    if (keys.length === 0) throw new Error('the JWK set holds no key for ES256, EdDSA or RS256');
    return keys;
  } finally {
    cancel();
  }
}

/** Leaving the loop early cancels the body. */
async function boundedText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new Error(`the JWK set is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
