import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TOKEN_CHARS_MAX } from '#wire/limits.ts';
import { createSealer } from './seal.ts';

const old = 'an old secret of more than 32 characters';
const young = 'a young secret of more than 32 characters';

test('what was sealed is opened again, whatever JSON it is', () => {
  const sealer = createSealer([young], 'test');
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (payload) => {
      const asJson = JSON.parse(JSON.stringify(payload));
      fc.pre(sealer.seal(payload).length <= TOKEN_CHARS_MAX);
      assert.deepEqual(sealer.open(sealer.seal(payload)), asJson);
    }),
  );
});

test('one changed character anywhere breaks the seal', () => {
  const sealer = createSealer([young], 'test');
  const sealed = sealer.seal({ user: 'ann', device: 'phone' });
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u00e4';
  for (let at = 0; at < sealed.length; at++) {
    for (const character of alphabet) {
      if (character === sealed[at]) continue;
      const changed = sealed.slice(0, at) + character + sealed.slice(at + 1);
      assert.equal(sealer.open(changed), undefined, `${character} at ${at}`);
    }
  }
});

test('cut, lengthened and made-up seals are not opened', () => {
  const sealer = createSealer([young], 'test');
  const sealed = sealer.seal({ user: 'ann' });
  for (let length = 0; length < sealed.length; length++) {
    assert.equal(sealer.open(sealed.slice(0, length)), undefined);
  }
  for (const more of ['.', 'A', '=', '\n', ' ']) {
    assert.equal(sealer.open(sealed + more), undefined);
    assert.equal(sealer.open(more + sealed), undefined);
  }
  fc.assert(fc.property(fc.string(), (text) => assert.equal(sealer.open(text), undefined)));
});

test('while secrets change, the new one seals and both open', () => {
  const before = createSealer([old], 'test');
  const during = createSealer([young, old], 'test');
  const after = createSealer([young], 'test');
  assert.deepEqual(during.open(before.seal({ n: 1 })), { n: 1 });
  assert.deepEqual(after.open(during.seal({ n: 2 })), { n: 2 });
  assert.equal(after.open(before.seal({ n: 3 })), undefined);
});

test('a seal for one purpose is not opened for another', () => {
  const sealed = createSealer([young], 'resume').seal({ n: 1 });
  assert.equal(createSealer([young], 'poll').open(sealed), undefined);
});

test('a seal longer than any token is not even looked at', () => {
  const sealer = createSealer([young], 'test');
  assert.equal(sealer.open(sealer.seal({ text: 'x'.repeat(TOKEN_CHARS_MAX) })), undefined);
});

test('a short secret is refused, and not repeated in the message', () => {
  for (const secrets of [['short'], [young, 'short']] as const) {
    assert.throws(() => createSealer(secrets, 'test'), {
      message: 'a secret has to be 32 characters or longer',
    });
  }
});
