import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Compared, peers } from './comparison.ts';
import { peersSection, peersText, withPeersSection } from './peers-text.ts';

const compared: readonly Compared[] = peers.map((peer, n) => ({
  peer,
  bytes: [1_000, 2_000],
  connectMicros: [50, 60],
  frameMicros: [5 * (n + 1), 6 * (n + 1)],
  medianMs: [0.1, 0.2],
}));
const run = { compared, connections: 4_000, framesPerSecond: 1_000, day: '2026-01-31', loadBefore: 1 };
const text = peersText(run);

test('every peer has a line with its figures and a line with what it does', () => {
  for (const { name } of peers)
    assert.equal(text.split('\n').filter((line) => line.startsWith(`| ${name} `)).length, 2, name);
  assert.match(text, /7\.00 ×/);
});

test('the section is found again in a page, replaced there, and kept where no other is given', () => {
  const page = '# Benchmarks\n\nfigures\n';
  assert.equal(peersSection(page), '');
  const once = withPeersSection(page, text);
  assert.equal(peersSection(once), text);
  assert.equal(withPeersSection(page, peersSection(once)), once);
  const later = peersText({ ...run, day: '2026-02-28' });
  const twice = withPeersSection(once, later);
  assert.equal(peersSection(twice), later);
  assert(!twice.includes('2026-01-31') && twice.startsWith(page));
  assert.equal(withPeersSection(once, ''), once);
});
