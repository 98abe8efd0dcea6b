import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { knownBinaries, plan, sha256, versionNeeds, withOlderNames } from './uws-older-glibc.mjs';

const folder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
const name = 'uws_linux_x64_137.node';
const known = knownBinaries.get(name);
assert(known);

for (const [file, { published, copy }] of knownBinaries) {
  test(`${file}: the copy is the known one, differs in a few bytes and needs no glibc past 2.36`, () => {
    const before = readFileSync(join(folder, file));
    assert.equal(sha256(before), published);
    const after = withOlderNames(before, file.includes('arm64') ? 'arm64' : 'x64');
    assert.equal(sha256(after), copy);
    assert.equal(after.length, before.length);
    assert(after.filter((byte, at) => byte !== before[at]).length <= 8);

    assert(versionNeeds(before).includes('libc.so.6 GLIBC_2.38'));
    assert.deepEqual(
      versionNeeds(after),
      versionNeeds(before).filter((need) => need !== 'libc.so.6 GLIBC_2.38'),
    );
    assert(versionNeeds(after).every((need) => Number(/GLIBC_2\.(\d+)/.exec(need)?.[1]) <= 36));
  });
}

test('a file that has nothing to mend, or is no binary at all, is refused', () => {
  const mended = withOlderNames(readFileSync(join(folder, name)), 'x64');
  assert.throws(() => withOlderNames(mended, 'x64'), /needs no GLIBC_2.38/);
  assert.throws(() => withOlderNames(Buffer.alloc(64), 'x64'), /not an ELF64 LE file/);
});

test('a copy is made on glibc 2.36 and 2.37, and of the known binary only', () => {
  const here = { platform: 'linux', name, sha256: known.published };
  assert.deepEqual(plan({ ...here, glibc: '2.36' }), { kind: 'copy', sha256: known.copy });
  assert.deepEqual(plan({ ...here, glibc: '2.37' }), { kind: 'copy', sha256: known.copy });
  assert.equal(plan({ ...here, glibc: '2.36', sha256: 'another' }).kind, 'cannot');
  assert.equal(plan({ ...here, glibc: '2.36', sha256: undefined }).kind, 'cannot');
});

test('nothing is done where the published binary loads, whatever its hash', () => {
  assert.equal(plan({ platform: 'linux', glibc: '2.38', sha256: 'another', name }).kind, 'nothing to do');
  assert.equal(plan({ platform: 'linux', glibc: '3.0', sha256: 'another', name }).kind, 'nothing to do');
  assert.equal(plan({ platform: 'darwin', glibc: undefined, sha256: 'any', name }).kind, 'nothing to do');
});

test('an older glibc, or none, gets a message that names the ways out', () => {
  for (const glibc of ['2.35', '2.4', undefined]) {
    const todo = plan({ platform: 'linux', glibc, sha256: known.published, name });
    assert(todo.kind === 'cannot');
    assert.match(todo.why, /container image with Node 24 on Debian trixie/);
    assert.match(todo.why, /glibc 2\.38 or newer/);
  }
});
