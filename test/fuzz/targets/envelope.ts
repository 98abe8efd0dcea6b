/**
 * Envelopes: the header and body of a frame as other nodes write them.
 *
 * An error is one of two; an envelope that is read has a header of the types it promises, and written again it is
 * read the same.
 */

import assert from 'node:assert/strict';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { channelParts } from '#wire/channels.ts';
import { decodeEnvelope, type EnvelopeHeader, encodeEnvelope, isAlive } from '#wire/envelope.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import type { Target } from '../target.ts';

const text = Type.String();
const finite = Type.Number();

/** `EnvelopeHeader`, written down once more. */
const Header = Type.Object({
  v: Type.Number({ minimum: 1, maximum: NODE_VERSION }),
  id: text,
  channel: text,
  toDevice: Type.Optional(text),
  toSession: Type.Optional(text),
  from: Type.Object({ user: text, device: text, session: text }),
  kind: text,
  format: text,
  call: Type.Optional(text),
  at: finite,
  ttlMs: finite,
  notAfter: Type.Optional(finite),
  tell: Type.Optional(text),
  traceparent: Type.Optional(text),
});
const header = Compile(Header);

export function envelopeTarget(): Target {
  return {
    name: 'envelope',
    judge(input) {
      const envelope = decodeEnvelope(input);
      const plain = headerAsJson(input);
      if (typeof envelope === 'string') {
        assert(envelope === 'ENVELOPE_MALFORMED' || envelope === 'ENVELOPE_VERSION');
        assert(!header.Check(plain) || channelParts(plain.channel) === undefined, 'refused a sound header');
        return envelope;
      }
      assert(header.Check(envelope.header), 'accepted against the types of a header');
      assert(channelParts(envelope.header.channel) !== undefined, 'accepted a channel that is none');
      assert(
        input.subarray(input.indexOf(10) + 1).equals(envelope.body),
        'the body is what follows the header',
      );
      // Of a raw control character within a text nobody but JSON complains.
      if (plain !== undefined) assert.deepEqual(known(envelope.header), known(plain as EnvelopeHeader));
      else assert(hasControlCharacter(input), 'read a header that is no JSON');
      const again = decodeEnvelope(encodeEnvelope(known(envelope.header), envelope.body));
      assert(typeof again !== 'string', 'what was read cannot be read again');
      assert.deepEqual(known(again.header), known(envelope.header));
      const alive = isAlive(envelope.header, 1_800_000_000_000, 1_800_000_000_001);
      return `read ${Object.keys(known(envelope.header)).length} ${alive}`;
    },
  };
}

/** The header as JSON in general reads it. */
function headerAsJson(input: Buffer): unknown {
  try {
    return JSON.parse(input.toString('utf8', 0, input.indexOf(10)));
  } catch {
    return undefined;
  }
}

function hasControlCharacter(input: Buffer): boolean {
  return input.subarray(0, input.indexOf(10)).some((byte) => byte < 0x20);
}

/** The fields that mean something; of numbers, as JSON knows them. */
function known({ from, ...header }: EnvelopeHeader): EnvelopeHeader {
  const fields = Object.entries(header).filter(([name]) => Object.hasOwn(Header.properties, name));
  const { user, device, session } = from;
  return JSON.parse(JSON.stringify({ ...Object.fromEntries(fields), from: { user, device, session } }));
}
