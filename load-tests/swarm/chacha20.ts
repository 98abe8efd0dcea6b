/**
 * ChaCha20: the stream cipher of RFC 8439 §2.4, to read TLS records with.
 *
 * A cipher object of `node:crypto` costs 15 to 25 µs to make, and TLS needs a new one for each record; most records
 * here are shorter than what that takes. What was read is not authenticated: a swarm has nothing to lose by it.
 */

const WORDS = 16;
const ROUNDS = 10;
/** „expand 32-byte k“. */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

const initial = new Uint32Array(WORDS);
const block = new Uint32Array(WORDS);
const blockBytes = new Uint8Array(block.buffer);

/**
 * Deciphers (or enciphers) in place.
 *
 * @param counter of the first block; 1 for a record of TLS.
 */
export function chacha20(key: Uint8Array, nonce: Uint8Array, counter: number, data: Uint8Array): void {
  initial.set(CONSTANTS);
  for (let i = 0; i < 8; i++) initial[4 + i] = word(key, 4 * i);
  initial[12] = counter;
  for (let i = 0; i < 3; i++) initial[13 + i] = word(nonce, 4 * i);
  for (let at = 0; at < data.length; at += 64) {
    nextBlock();
    const bytes = Math.min(64, data.length - at);
    for (let i = 0; i < bytes; i++) data[at + i]! ^= blockBytes[i]!;
    initial[12]! += 1;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** In local variables, which the compiler keeps in registers. */
function nextBlock(): void {
  let a0 = initial[0]! | 0;
  let a1 = initial[1]! | 0;
  let a2 = initial[2]! | 0;
  let a3 = initial[3]! | 0;
  let b0 = initial[4]! | 0;
  let b1 = initial[5]! | 0;
  let b2 = initial[6]! | 0;
  let b3 = initial[7]! | 0;
  let c0 = initial[8]! | 0;
  let c1 = initial[9]! | 0;
  let c2 = initial[10]! | 0;
  let c3 = initial[11]! | 0;
  let d0 = initial[12]! | 0;
  let d1 = initial[13]! | 0;
  let d2 = initial[14]! | 0;
  let d3 = initial[15]! | 0;
  for (let round = 0; round < ROUNDS; round++) {
    a0 = (a0 + b0) | 0;
    d0 ^= a0;
    d0 = (d0 << 16) | (d0 >>> 16);
    c0 = (c0 + d0) | 0;
    b0 ^= c0;
    b0 = (b0 << 12) | (b0 >>> 20);
    a0 = (a0 + b0) | 0;
    d0 ^= a0;
    d0 = (d0 << 8) | (d0 >>> 24);
    c0 = (c0 + d0) | 0;
    b0 ^= c0;
    b0 = (b0 << 7) | (b0 >>> 25);
    a1 = (a1 + b1) | 0;
    d1 ^= a1;
    d1 = (d1 << 16) | (d1 >>> 16);
    c1 = (c1 + d1) | 0;
    b1 ^= c1;
    b1 = (b1 << 12) | (b1 >>> 20);
    a1 = (a1 + b1) | 0;
    d1 ^= a1;
    d1 = (d1 << 8) | (d1 >>> 24);
    c1 = (c1 + d1) | 0;
    b1 ^= c1;
    b1 = (b1 << 7) | (b1 >>> 25);
    a2 = (a2 + b2) | 0;
    d2 ^= a2;
    d2 = (d2 << 16) | (d2 >>> 16);
    c2 = (c2 + d2) | 0;
    b2 ^= c2;
    b2 = (b2 << 12) | (b2 >>> 20);
    a2 = (a2 + b2) | 0;
    d2 ^= a2;
    d2 = (d2 << 8) | (d2 >>> 24);
    c2 = (c2 + d2) | 0;
    b2 ^= c2;
    b2 = (b2 << 7) | (b2 >>> 25);
    a3 = (a3 + b3) | 0;
    d3 ^= a3;
    d3 = (d3 << 16) | (d3 >>> 16);
    c3 = (c3 + d3) | 0;
    b3 ^= c3;
    b3 = (b3 << 12) | (b3 >>> 20);
    a3 = (a3 + b3) | 0;
    d3 ^= a3;
    d3 = (d3 << 8) | (d3 >>> 24);
    c3 = (c3 + d3) | 0;
    b3 ^= c3;
    b3 = (b3 << 7) | (b3 >>> 25);
    a0 = (a0 + b1) | 0;
    d3 ^= a0;
    d3 = (d3 << 16) | (d3 >>> 16);
    c2 = (c2 + d3) | 0;
    b1 ^= c2;
    b1 = (b1 << 12) | (b1 >>> 20);
    a0 = (a0 + b1) | 0;
    d3 ^= a0;
    d3 = (d3 << 8) | (d3 >>> 24);
    c2 = (c2 + d3) | 0;
    b1 ^= c2;
    b1 = (b1 << 7) | (b1 >>> 25);
    a1 = (a1 + b2) | 0;
    d0 ^= a1;
    d0 = (d0 << 16) | (d0 >>> 16);
    c3 = (c3 + d0) | 0;
    b2 ^= c3;
    b2 = (b2 << 12) | (b2 >>> 20);
    a1 = (a1 + b2) | 0;
    d0 ^= a1;
    d0 = (d0 << 8) | (d0 >>> 24);
    c3 = (c3 + d0) | 0;
    b2 ^= c3;
    b2 = (b2 << 7) | (b2 >>> 25);
    a2 = (a2 + b3) | 0;
    d1 ^= a2;
    d1 = (d1 << 16) | (d1 >>> 16);
    c0 = (c0 + d1) | 0;
    b3 ^= c0;
    b3 = (b3 << 12) | (b3 >>> 20);
    a2 = (a2 + b3) | 0;
    d1 ^= a2;
    d1 = (d1 << 8) | (d1 >>> 24);
    c0 = (c0 + d1) | 0;
    b3 ^= c0;
    b3 = (b3 << 7) | (b3 >>> 25);
    a3 = (a3 + b0) | 0;
    d2 ^= a3;
    d2 = (d2 << 16) | (d2 >>> 16);
    c1 = (c1 + d2) | 0;
    b0 ^= c1;
    b0 = (b0 << 12) | (b0 >>> 20);
    a3 = (a3 + b0) | 0;
    d2 ^= a3;
    d2 = (d2 << 8) | (d2 >>> 24);
    c1 = (c1 + d2) | 0;
    b0 ^= c1;
    b0 = (b0 << 7) | (b0 >>> 25);
  }
  block[0] = a0;
  block[1] = a1;
  block[2] = a2;
  block[3] = a3;
  block[4] = b0;
  block[5] = b1;
  block[6] = b2;
  block[7] = b3;
  block[8] = c0;
  block[9] = c1;
  block[10] = c2;
  block[11] = c3;
  block[12] = d0;
  block[13] = d1;
  block[14] = d2;
  block[15] = d3;
  for (let i = 0; i < WORDS; i++) block[i]! += initial[i]!;
}
