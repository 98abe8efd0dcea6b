import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { textOf } from './utf8.ts';

test('any part of any bytes is read as the decoder of the platform reads it, a Buffer or not', () => {
  const parts = fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 60 }), fc.nat({ max: 60 }));
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  fc.assert(
    fc.property(parts, ([bytes, a, b]) => {
      const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
      const within = new Uint8Array([1, 2, 3, ...bytes]).subarray(3);
      const expected = decoder.decode(bytes.subarray(start, end));
      for (const kind of [bytes, within, Buffer.from(bytes), Buffer.from(within)])
        assert.equal(textOf(kind, start, end), expected);
      assert.equal(textOf(within), decoder.decode(bytes));
    }),
  );
});
