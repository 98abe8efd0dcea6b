/**
 * ECDSA: a signature as JOSE writes it (RFC 7518, section 3.4), put into the form that OpenSSL takes.
 *
 * JOSE lays the two numbers of P-256 side by side, 32 bytes each; OpenSSL takes them as a DER sequence of two integers.
 * `node:crypto` would turn one into the other as well, but for the option that asks for it `verify` sets the key up anew
 * at each call, which costs half as much again as the check (docs/adr/0009).
 *
 * Pure. `jwt.ts` asks for it.
 */

const NUMBER_BYTES = 32;
const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** The signature in DER, or `undefined` where it is none of P-256. */
export function derOfJose(signature: Uint8Array): Uint8Array | undefined {
  if (signature.length !== 2 * NUMBER_BYTES) return undefined;
  const second = integerStart(signature, NUMBER_BYTES);
  const first = integerStart(signature, 0);
  const firstBytes = integerBytes(signature, first, NUMBER_BYTES);
  const secondBytes = integerBytes(signature, second, 2 * NUMBER_BYTES);
  const der = new Uint8Array(6 + firstBytes + secondBytes);
  der[0] = SEQUENCE;
  der[1] = 4 + firstBytes + secondBytes;
  writeInteger(der, 2, signature.subarray(first, NUMBER_BYTES), firstBytes);
  writeInteger(der, 4 + firstBytes, signature.subarray(second), secondBytes);
  return der;
}

/** An integer has no leading zero bytes but the one that makes it positive; 0 itself is one byte. */
function integerStart(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < from + NUMBER_BYTES - 1 && bytes[at] === 0) at++;
  return at;
}

function integerBytes(bytes: Uint8Array, start: number, end: number): number {
  return end - start + (bytes[start]! > 0x7f ? 1 : 0);
}

function writeInteger(der: Uint8Array, at: number, number: Uint8Array, bytes: number): void {
  der[at] = INTEGER;
  der[at + 1] = bytes;
  der.set(number, at + 2 + bytes - number.length);
}
