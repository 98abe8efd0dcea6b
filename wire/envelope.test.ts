import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeHeader, type EnvelopeHeader, encodeEnvelope, plainLife } from './envelope.ts';

const name = fc.oneof(
  fc.stringMatching(/^[a-z0-9._@-]{1,20}$/),
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((text) => /^[^\p{Cc}]+$/u.test(text)),
);
const channel = fc.tuple(fc.constantFrom('u/', 'r/'), name).map((parts) => parts.join(''));
const header: fc.Arbitrary<EnvelopeHeader> = fc
  .record({
    channel,
    ttlMs: fc.oneof(fc.nat(100_000), fc.constantFrom(0.5, 1e21, -1)),
    notAfter: fc.option(fc.nat(2_000_000_000_000), { nil: undefined }),
    tell: fc.option(fc.constantFrom('gw1', ''), { nil: undefined }),
    id: fc.string(),
  })
  .map(({ id, ...first }) => {
    const from = { user: 'ann', device: 'd', session: 's' };
    return { v: 1, ...first, id, from, kind: 'offer', format: 'json', at: 1 } as EnvelopeHeader;
  });

describe('the life of a frame, read without the rest of its header', () => {
  test('is what the whole header says, or is left to it', () => {
    fc.assert(
      fc.property(header, fc.string(), fc.option(channel), (written, body, other) => {
        const bytes = encodeEnvelope(written, body);
        const asked = other ?? written.channel;
        const life = plainLife(bytes, asked);
        if (life === undefined) return;
        const read = decodeHeader(bytes);
        assert(typeof read !== 'string');
        assert.equal(read.channel, asked);
        assert.equal(read.tell, undefined);
        assert.deepEqual({ notAfter: undefined, ...life }, { ttlMs: read.ttlMs, notAfter: read.notAfter });
      }),
    );
  });

  test('is that of no other channel, whose characters are the bytes of this one', () => {
    const from = { user: 'ann', device: 'd', session: 's' };
    const rest = { ttlMs: 30_000, id: '1', from, kind: 'offer', format: 'json', at: 1 };
    const bytes = encodeEnvelope({ v: 1, channel: 'r/\u00e9', ...rest }, '');
    assert.equal(plainLife(bytes, 'r/\u00c3\u00a9'), undefined);
    for (const kind of [Uint8Array.from(bytes), Buffer.from(bytes)])
      assert.equal(plainLife(kind, 'r/\u00c3\u00a9'), undefined);
  });

  test('is found in what gateways write, and in no other order', () => {
    const from = { user: 'ann', device: 'd', session: 's' };
    const first = { v: 1, channel: 'u/bob', ttlMs: 30_000, notAfter: 5 };
    const rest = { id: '1', from, kind: 'offer', format: 'json', at: 1 };
    const life = (text: object) => plainLife(encodeEnvelope(text as EnvelopeHeader, '{}'), 'u/bob');
    assert.deepEqual(life({ ...first, ...rest }), { ttlMs: 30_000, notAfter: 5 });
    assert.deepEqual(life({ ...first, notAfter: undefined, ...rest }), { ttlMs: 30_000 });
    assert.equal(life({ ...first, tell: 'gw', ...rest }), undefined);
    assert.equal(life({ ...rest, ...first }), undefined);
    assert.equal(life({ ...first, v: 2, ...rest }), undefined);
    assert.equal(life({ ...first, ttlMs: 'x', ...rest }), undefined);
    for (let end = 0; end < 50; end++)
      assert.equal(plainLife(encodeEnvelope({ ...first, ...rest }, '').subarray(0, end), 'u/bob'), undefined);
  });
});
