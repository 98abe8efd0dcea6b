/**
 * TLS keys: the key schedule of TLS 1.3 (RFC 8446 §7.1) for TLS_CHACHA20_POLY1305_SHA256 with X25519 and no pre-shared key.
 *
 * One pair of keys serves all connections of a process: the server does the whole handshake each time and cannot tell,
 * and the client is spared half of its own. Of no use but to load a server.
 */

import { createPublicKey, diffieHellman, generateKeyPairSync, hash } from 'node:crypto';

const HASH_BYTES = 32;
const KEY_BYTES = 32;
const IV_BYTES = 12;

/** Of one direction. */
export interface TrafficKeys {
  readonly key: Buffer;
  readonly iv: Buffer;
}

const BLOCK_BYTES = 64;
const inner = Buffer.alloc(BLOCK_BYTES + 256);
const outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES);

const pair = generateKeyPairSync('x25519');
export const publicShare: Buffer = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);

/** `HkdfLabel` with the counter of the only block behind it; the context lies before that. */
class Label {
  readonly #info: Buffer;
  readonly #contextAt: number;
  readonly #bytes: number;

  constructor(name: string, bytes: number, contextBytes: number) {
    const label = Buffer.from(`tls13 ${name}`);
    const head = Buffer.from([0, bytes, label.length]);
    this.#info = Buffer.concat([
      head,
      label,
      Buffer.from([contextBytes]),
      Buffer.alloc(contextBytes),
      Buffer.from([1]),
    ]);
    this.#contextAt = this.#info.length - 1 - contextBytes;
    this.#bytes = bytes;
  }

  expanded(secret: Uint8Array, context?: Uint8Array): Buffer {
    if (context !== undefined) this.#info.set(context, this.#contextAt);
    const block = hmac(secret, this.#info);
    return this.#bytes === HASH_BYTES ? block : block.subarray(0, this.#bytes);
  }
}

const labels = {
  derived: new Label('derived', HASH_BYTES, HASH_BYTES),
  clientHandshake: new Label('c hs traffic', HASH_BYTES, HASH_BYTES),
  serverHandshake: new Label('s hs traffic', HASH_BYTES, HASH_BYTES),
  client: new Label('c ap traffic', HASH_BYTES, HASH_BYTES),
  server: new Label('s ap traffic', HASH_BYTES, HASH_BYTES),
  finished: new Label('finished', HASH_BYTES, 0),
  key: new Label('key', KEY_BYTES, 0),
  iv: new Label('iv', IV_BYTES, 0),
};

const zeros = Buffer.alloc(HASH_BYTES);
const emptyHash = sha256(Buffer.alloc(0));
const derivedFromNothing = labels.derived.expanded(hmac(zeros, zeros), emptyHash);

export interface HandshakeKeys {
  readonly handshakeSecret: Buffer;
  readonly clientSecret: Buffer;
  readonly client: TrafficKeys;
  readonly server: TrafficKeys;
}

/** @param transcript from the client's hello to the server's. */
export function handshakeKeys(serverShare: Uint8Array, transcript: Uint8Array): HandshakeKeys {
  const x = Buffer.from(serverShare).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
  const shared = diffieHellman({ privateKey: pair.privateKey, publicKey });
  const handshakeSecret = hmac(derivedFromNothing, shared);
  const soFar = sha256(transcript);
  const clientSecret = labels.clientHandshake.expanded(handshakeSecret, soFar);
  const serverSecret = labels.serverHandshake.expanded(handshakeSecret, soFar);
  return { handshakeSecret, clientSecret, client: traffic(clientSecret), server: traffic(serverSecret) };
}

export interface ApplicationKeys {
  /** What the client's `Finished` says. */
  readonly verify: Buffer;
  readonly client: TrafficKeys;
  readonly server: TrafficKeys;
}

/** @param transcript from the client's hello to the server's `Finished`. */
export function applicationKeys(
  { handshakeSecret, clientSecret }: HandshakeKeys,
  transcript: Uint8Array,
): ApplicationKeys {
  const soFar = sha256(transcript);
  const master = hmac(labels.derived.expanded(handshakeSecret, emptyHash), zeros);
  return {
    verify: hmac(labels.finished.expanded(clientSecret), soFar),
    client: traffic(labels.client.expanded(master, soFar)),
    server: traffic(labels.server.expanded(master, soFar)),
  };
}

function traffic(secret: Uint8Array): TrafficKeys {
  return { key: labels.key.expanded(secret), iv: labels.iv.expanded(secret) };
}

/** RFC 2104, of a key of one hash's length. `createHmac` makes a key object first, which takes three times as long. */
function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  inner.fill(0x36, 0, BLOCK_BYTES);
  outer.fill(0x5c, 0, BLOCK_BYTES);
  for (let i = 0; i < HASH_BYTES; i++) {
    inner[i]! ^= key[i]!;
    outer[i]! ^= key[i]!;
  }
  inner.set(data, BLOCK_BYTES);
  outer.write(hash('sha256', inner.subarray(0, BLOCK_BYTES + data.length), 'binary'), BLOCK_BYTES, 'latin1');
  return sha256(outer);
}

function sha256(data: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', data, 'binary'), 'latin1');
}
