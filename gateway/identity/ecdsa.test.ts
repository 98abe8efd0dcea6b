import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { derOfJose } from './ecdsa.ts';

test('a signature in either form fits the same data and no other', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (let n = 0; n < 300; n++) {
    const data = Buffer.from(`signed ${n}`);
    const jose = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const der = derOfJose(jose);
    assert(der !== undefined && verify('sha256', data, publicKey, der));
    assert(!verify('sha256', Buffer.from(`signed ${n + 1}`), publicKey, der));
  }
});

test('what comes out is the DER of the two numbers', () => {
  const byte = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255));
  fc.assert(
    fc.property(fc.array(byte, { minLength: 64, maxLength: 64 }), (bytes) => {
      const jose = Uint8Array.from(bytes);
      const [first, second] = [jose.subarray(0, 32), jose.subarray(32)].map(integerOf);
      const length = first!.length / 2 + second!.length / 2;
      const expected = `30${hex(length)}${first}${second}`;
      assert.equal(Buffer.from(derOfJose(jose)!).toString('hex'), expected);
    }),
  );
});

test('bytes of another length are no signature', () => {
  for (const length of [0, 1, 63, 65, 72, 128]) assert.equal(derOfJose(new Uint8Array(length)), undefined);
});

/** The integer of DER in hexadecimal, by the arithmetic of BigInt. */
function integerOf(bytes: Uint8Array): string {
  let digits = BigInt(`0x${Buffer.from(bytes).toString('hex')}`).toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  if (Number.parseInt(digits.slice(0, 2), 16) > 0x7f) digits = `00${digits}`;
  return `02${hex(digits.length / 2)}${digits}`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
