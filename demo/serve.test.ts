/** Tests of the page as it is served: everything it asks for is there, and it may ask nobody else. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDemoPage, type PageAnswer } from './serve.ts';

const page = await createDemoPage({ login: false, signaling: 'https://signal.example.org' });

function policyOf({ headers }: PageAnswer): string {
  return headers['content-security-policy'] ?? '';
}

test('whatever the page links to is served, with its type', () => {
  const { body } = page.answer('/');
  const links = [...body.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path = '']) => path);
  assert(links.length >= 4);
  for (const path of links) assert.equal(page.answer(path).status, 200, path);
  assert.match(page.answer('/page.js').headers['content-type'] ?? '', /^text\/javascript/);
});

test('the script is one module that loads nothing else', () => {
  const { body } = page.answer('/page.js');
  assert(body.length > 10_000);
  assert.doesNotMatch(body, /^import .* from/m);
});

test('the page names no other host, holds no script or style of its own, and meets its policy', () => {
  const { body } = page.answer('/');
  assert.doesNotMatch(body, /https?:\/\/(?!www\.w3\.org)/);
  assert.doesNotMatch(body, /<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/);
  assert.doesNotMatch(page.answer('/style.css').body, /url\(|@import/);
});

test('it may talk to its own origin and to the service it was told of', () => {
  assert.match(
    policyOf(page.answer('/')),
    /connect-src 'self' https:\/\/signal\.example\.org wss:\/\/signal\.example\.org;/,
  );
});

test('it is told how to sign in', () => {
  assert.deepEqual(JSON.parse(page.answer('/demo/setup.json').body), {
    login: false,
    signaling: 'https://signal.example.org',
  });
});

test('there is nothing else', () => {
  for (const path of ['/main.ts', '/../package.json', '/__proto__', '/demo/token']) {
    const answer = page.answer(path);
    assert.equal(answer.status, 404, path);
    assert.match(policyOf(answer), /default-src 'self'/);
  }
});
