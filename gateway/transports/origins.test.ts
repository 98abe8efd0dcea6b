import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOriginAllowed, isOriginPattern } from './origins.ts';

const unset = { allowed: [], loopback: false };

function allows(allowed: readonly string[], origin: string): boolean {
  return isOriginAllowed({ allowed, loopback: true }, origin, 'gateway.example.org');
}

test('clients that are no browsers send no origin, and pass', () => {
  assert(isOriginAllowed(unset, undefined, 'h'));
  assert(isOriginAllowed({ allowed: ['https://a.org'], loopback: false }, undefined, 'h'));
});

test('without a list: the own host, and on loopback any loopback host', () => {
  assert(isOriginAllowed(unset, 'https://a.org', 'a.org'));
  assert(isOriginAllowed(unset, 'https://a.org', 'a.org:443'));
  assert(isOriginAllowed(unset, 'http://a.org:8080', 'A.org:8080'));
  assert(!isOriginAllowed(unset, 'https://a.org', 'a.org:8443'));
  assert(!isOriginAllowed(unset, 'https://evil.org', 'a.org'));
  assert(!isOriginAllowed(unset, 'http://localhost:5173', '127.0.0.1:7600'));
  const local = { allowed: [], loopback: true };
  for (const origin of [
    'http://localhost:5173',
    'https://127.0.0.2',
    'http://[::1]:1',
    'http://app.localhost',
  ])
    assert(isOriginAllowed(local, origin, '127.0.0.1:7600'), origin);
  for (const origin of ['http://localhost.evil.org', 'http://127.0.0.1.evil.org', 'null'])
    assert(!isOriginAllowed(local, origin, '127.0.0.1:7600'), origin);
});

test('with a list: what stands in it and nothing else', () => {
  assert(allows(['https://app.example.org'], 'https://app.example.org'));
  assert(allows(['https://App.example.org:443'], 'https://app.example.org'));
  assert(!allows(['https://app.example.org'], 'http://app.example.org'));
  assert(!allows(['https://app.example.org'], 'https://app.example.org:8443'));
  assert(!allows(['https://app.example.org'], 'https://gateway.example.org'));
  assert(!allows(['https://app.example.org'], 'http://localhost'));
  assert(allows(['app.example.org'], 'http://app.example.org:81'));
  assert(allows(['*.example.org'], 'https://a.b.example.org'));
  assert(!allows(['*.example.org'], 'https://example.org'));
  assert(!allows(['*.example.org'], 'https://evilexample.org'));
  assert(!allows(['*.example.org'], 'https://example.org.evil.org'));
  assert(allows(['https://*.example.org'], 'https://a.example.org'));
  assert(!allows(['https://*.example.org'], 'http://a.example.org'));
  assert(allows(['*'], 'https://any.where') && allows(['*'], 'null'));
  assert(allows(['null'], 'null') && !allows(['a.org'], 'null'));
});

test('only patterns that can fit something are taken', () => {
  for (const good of ['*', 'null', 'a.org', '*.a.org', 'https://a.org:1', 'http://[::1]:80'])
    assert(isOriginPattern(good), good);
  for (const bad of ['', 'ftp://a.org', 'https://', '*.*', 'a.*.org', 'https://a.org/', 'a b', '**'])
    assert(!isOriginPattern(bad), bad);
});

test('no origin gets past a list by what surrounds an allowed host', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (before, after) => {
      const origin = `${before}example.org${after}`;
      const host = URL.parse(origin)?.hostname ?? '';
      if (allows(['*.example.org'], origin)) assert(host.endsWith('.example.org'));
      if (allows(['example.org'], origin)) assert.equal(host, 'example.org');
    }),
    { numRuns: 1_000 },
  );
});
