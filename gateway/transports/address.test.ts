import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalAddress, clientAddress, trustOf } from './address.ts';

const trusts = trustOf(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']);

test('without trusted proxies the peer is the client, whatever it says', () => {
  assert.equal(clientAddress(trustOf([]), '203.0.113.5', '1.1.1.1', '2.2.2.2'), '203.0.113.5');
  assert.equal(clientAddress(trusts, '203.0.113.5', '1.1.1.1', '2.2.2.2'), '203.0.113.5');
});

test('behind a trusted proxy it is what PROXY protocol says, else the right-most entry that is not trusted', () => {
  assert.equal(clientAddress(trusts, '10.1.1.1', '203.0.113.5', '6.6.6.6'), '203.0.113.5');
  assert.equal(clientAddress(trusts, '10.1.1.1', '', '6.6.6.6, 203.0.113.5, 10.2.2.2'), '203.0.113.5');
  assert.equal(clientAddress(trusts, '10.1.1.1', '10.3.3.3', '6.6.6.6,203.0.113.5'), '203.0.113.5');
  assert.equal(clientAddress(trusts, '192.0.2.7', '', '203.0.113.5:4711'), '203.0.113.5');
  assert.equal(clientAddress(trusts, '2001:db8::1', '', '[2001:DB9::0:1]:443'), '2001:db9::1');
  assert.equal(clientAddress(trusts, '::ffff:10.1.1.1', '', '::ffff:cb00:7105'), '203.0.113.5');
});

test('an entry that is no address ends the row: what lies beyond it is not believed', () => {
  assert.equal(clientAddress(trusts, '10.1.1.1', '', '203.0.113.5, unknown'), '10.1.1.1');
  assert.equal(clientAddress(trusts, '10.1.1.1', '', '203.0.113.5, , 10.2.2.2'), '10.2.2.2');
  assert.equal(clientAddress(trusts, '10.1.1.1', 'rubbish', '203.0.113.5'), '10.1.1.1');
  assert.equal(clientAddress(trusts, '10.1.1.1', '', ''), '10.1.1.1');
  assert.equal(clientAddress(trusts, '10.1.1.1', '', '10.4.4.4,10.2.2.2'), '10.4.4.4');
});

test('an address is written in one way', () => {
  assert.equal(canonicalAddress('2001:0DB8:0000:0000:0000:0000:0000:0001'), '2001:db8::1');
  assert.equal(canonicalAddress('0000:0000:0000:0000:0000:ffff:7f00:0001'), '127.0.0.1');
  assert.equal(canonicalAddress('fe80::1%eth0'), undefined);
  assert.equal(canonicalAddress('1.2.3'), undefined);
});

test('a list that names no network is refused', () => {
  for (const bad of ['10.0.0.0/33', '10.0.0/8', 'x', '10.0.0.0/8/8', '::/129', '10.0.0.0/', ''])
    assert.throws(() => trustOf([bad]), RangeError, bad);
});

test('whatever a client writes, the address is one that a trusted hop saw', () => {
  const trusted = fc.nat(0xffffff).map((n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
  const client = fc.ipV4().filter((address) => !address.startsWith('10.') && address !== '192.0.2.7');
  fc.assert(
    fc.property(trusted, client, fc.array(trusted), junk(), (peer, address, proxies, forged) => {
      const row = [...(forged === '' ? [] : [forged]), address, ...proxies].join(', ');
      assert.equal(clientAddress(trusts, peer, '', row), address);
    }),
  );
});

test('whatever stands there, nothing throws and the result is an address', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), junk(), junk(), (peer, proxied, row) => {
      const address = clientAddress(() => true, peer, proxied, row);
      assert.equal(canonicalAddress(address), address);
      assert.notEqual(isIP(address), 0);
    }),
    { numRuns: 500 },
  );
});

function junk(): fc.Arbitrary<string> {
  const part = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV6().map((address) => `[${address}]:1`),
    fc.constantFrom('', ' ', ',', ',,', 'unknown', '[', ']', ':', '%', '"'),
    fc.string(),
  );
  return fc.array(part, { maxLength: 6 }).map((parts) => parts.join(','));
}
