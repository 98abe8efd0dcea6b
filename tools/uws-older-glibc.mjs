/**
 * uWebSockets.js on older glibc: after `npm install`, a copy of its Linux binary that also loads on
 * glibc 2.36 and 2.37 (Debian 12), where the binary as published asks for 2.38.
 *
 * It asks for 2.38 for three symbols alone: `__isoc23_strtol`, `__isoc23_strtoul` and
 * `__isoc23_sscanf`, the C23 names of functions that every glibc has. Each of these names ends in the
 * old one, so a symbol is renamed by starting its name nine bytes later; its version becomes the
 * baseline of the architecture, and the need for GLIBC_2.38 is taken out of the list of needs. No byte
 * of code changes, the file keeps its size, and the original is left alone: the copy lies beside it and
 * `runtime/uws.ts` prefers it. What goes in and what comes out are both known by their SHA-256.
 *
 * Plain JavaScript, since npm runs it under whatever Node the machine has. The reasons and the figures
 * are in `docs/adr/0001-uwebsockets-on-older-glibc.md`; the format is in the ELF specification (gABI)
 * and the Linux Standard Base, "Symbol Versioning".
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** SHA-256 of each binary of uWebSockets.js 20.57.0 as published, and of the copy made of it. */
export const knownBinaries = new Map([
  [
    'uws_linux_x64_115.node',
    {
      published: '5b126ee00bf754b02e97e4c27090365a8562c5820c93f93918ac2212d4503e91',
      copy: '7259c4a007296037e965d26658c3187562516d152a23c2babb257e35e8dc1069',
    },
  ],
  [
    'uws_linux_x64_127.node',
    {
      published: '4b55b1f2cb7a7913febbb65a89496412b96af77e838552980092ba6b33723aac',
      copy: 'b1a2a0450dadc0509d1bc2eb0be7f11683da9faa5e4bf7e4a19ffd6e8e183234',
    },
  ],
  [
    'uws_linux_x64_137.node',
    {
      published: '98128405dba2fb608448e921a979530f70c946a2cc9889c15f2fa70c2d00ab05',
      copy: '25b38a1070908df148392cc1ed4a228ea51685a187fcae9e8b4c18c07f6ddbbe',
    },
  ],
  [
    'uws_linux_x64_141.node',
    {
      published: '813d788b347c6fd76b779d8932311ec05a044e612b4b83af220f16e6ea789683',
      copy: 'f501ecbbdff9280fd074bc00c66298e232d44d405037a704cda3f812580ca5fd',
    },
  ],
  [
    'uws_linux_arm64_115.node',
    {
      published: '6bdbc8ff976b4371af1906175e9025804bacc38a414969f4f02314e6b99f206c',
      copy: '25f06a75c990f95bf4bd622d74b9a6b47aa8621e2aa7e9ad3ea745237ff8ee32',
    },
  ],
  [
    'uws_linux_arm64_127.node',
    {
      published: '82b79bd18d1e3563de336156005bd01b7f39fc387b65173d69a29da4ee79f895',
      copy: 'df55f2f3bf81b3610b0dbbb133a87c3a05952fb6e52c2f8c05edb748717efbd2',
    },
  ],
  [
    'uws_linux_arm64_137.node',
    {
      published: '88618b30ddf6b2b62310db89f40a701616676352aac5e0f6184dd8ef876199ce',
      copy: 'f5ef061eab9a46b1d765dc6330866dcce083b09190663a8c971f8989ad325750',
    },
  ],
  [
    'uws_linux_arm64_141.node',
    {
      published: '81d0186dd1549ed6a7f47e68e323573fc27d69d2920527654ce2dd993af2b0ec',
      copy: 'aa6e56ab14f7a02692c55661963293842ca90b51f8be7af8af8314c46fdd6b47',
    },
  ],
]);

const wayOut = `Run Snowshed in a container image with Node 24 on Debian trixie, or on any system with glibc 2.38 or newer,
where uWebSockets.js loads as published (from npm or from its official release).`;

const newNamePrefix = '__isoc23_';
const newVersion = 'GLIBC_2.38';

/**
 * What to do with the binary on this machine.
 *
 * @param {{ platform: string, glibc: string | undefined, sha256: string | undefined, name: string }} machine
 * `glibc` is its version, absent where the C library is another one; `sha256` is that of the published
 * binary, absent if the package has none for this machine.
 * @returns {{ kind: 'nothing to do' } | { kind: 'copy', sha256: string } | { kind: 'cannot', why: string }}
 */
export function plan({ platform, glibc, sha256, name }) {
  if (platform !== 'linux') return { kind: 'nothing to do' };
  if (glibc === undefined) return cannot('this system does not use glibc, and uWebSockets.js needs it');
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  if (major > 2 || minor >= 38) return { kind: 'nothing to do' };
  if (minor < 36) return cannot(`this system has glibc ${glibc}, and uWebSockets.js needs at least 2.36`);
  if (sha256 === undefined) return cannot(`uWebSockets.js brings no ${name}`);
  const known = knownBinaries.get(name);
  if (known?.published !== sha256) {
    return cannot(
      `this system has glibc ${glibc}, and ${name} (SHA-256 ${sha256}) is not the one of 20.57.0, which \`npm ci\` brings`,
    );
  }
  return { kind: 'copy', sha256: known.copy };
}

/** @param {string} why @returns {{ kind: 'cannot', why: string }} */
function cannot(why) {
  return { kind: 'cannot', why: `uWebSockets.js will not load here: ${why}.\n${wayOut}` };
}

/**
 * A copy of an ELF shared object (64 bits, little-endian) that asks for the old names of the C23 symbols.
 *
 * @param {Buffer} published
 * @param {'x64' | 'arm64'} arch tells the baseline version that every glibc of this architecture has.
 * @returns {Buffer} of the same length.
 */
export function withOlderNames(published, arch) {
  const elf = Buffer.from(published);
  const baseline = arch === 'x64' ? 'GLIBC_2.2.5' : 'GLIBC_2.17';
  const { symbols, strings, symbolVersions, needs } = sections(elf);

  const libc = neededVersions(elf, needs, strings).filter(({ library }) => library === 'libc.so.6');
  const at = libc.findIndex(({ version }) => version === newVersion);
  const unwanted = libc[at];
  const old = libc.find(({ version }) => version === baseline);
  if (unwanted === undefined || old === undefined) throw new Error(`needs no ${newVersion} or ${baseline}`);

  for (let i = 0; i * 24 < symbols.size; i++) {
    if (elf.readUInt16LE(symbolVersions.offset + i * 2) !== unwanted.index) continue;
    const symbol = symbols.offset + i * 24; // Elf64_Sym, which begins with the place of its name
    const name = elf.readUInt32LE(symbol);
    const text = stringAt(elf, strings.offset + name);
    if (!text.startsWith(newNamePrefix)) throw new Error(`${text} has no older name`);
    elf.writeUInt32LE(name + newNamePrefix.length, symbol);
    elf.writeUInt16LE(old.index, symbolVersions.offset + i * 2);
  }

  // Elf64_Verneed: vn_version, vn_cnt (u16 each), vn_file, vn_aux, vn_next (u32 each); vna_next ends Elf64_Vernaux.
  elf.writeUInt16LE(libc.length - 1, unwanted.need + 2);
  const previous = libc[at - 1];
  const link = previous === undefined ? unwanted.need + 8 : previous.aux + 12;
  elf.writeUInt32LE(unwanted.next === 0 ? 0 : elf.readUInt32LE(link) + unwanted.next, link);
  return elf;
}

/**
 * The versions of symbols that an ELF shared object needs, library by library.
 *
 * @param {Buffer} elf
 * @returns {string[]} such as `libc.so.6 GLIBC_2.17`.
 */
export function versionNeeds(elf) {
  const { needs, strings } = sections(elf);
  return neededVersions(elf, needs, strings).map(({ library, version }) => `${library} ${version}`);
}

/** @typedef {{ offset: number, size: number }} Section */

/** @param {Buffer} elf */
function sections(elf) {
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1)
    throw new Error('not an ELF64 LE file');
  const headers = Number(elf.readBigUInt64LE(40));
  const headerSize = elf.readUInt16LE(58);
  const count = elf.readUInt16LE(60);
  const names = section(elf, headers + headerSize * elf.readUInt16LE(62));
  /** @type {Map<string, Section>} */
  const found = new Map();
  for (let i = 0; i < count; i++) {
    const header = headers + i * headerSize;
    found.set(stringAt(elf, names.offset + elf.readUInt32LE(header)), section(elf, header));
  }
  /** @param {string} name */
  const named = (name) => {
    const it = found.get(name);
    if (it === undefined) throw new Error(`no section ${name}`);
    return it;
  };
  return {
    symbols: named('.dynsym'),
    strings: named('.dynstr'),
    symbolVersions: named('.gnu.version'),
    needs: named('.gnu.version_r'),
  };
}

/** @param {Buffer} elf @param {number} header of an Elf64_Shdr @returns {Section} */
function section(elf, header) {
  return { offset: Number(elf.readBigUInt64LE(header + 24)), size: Number(elf.readBigUInt64LE(header + 32)) };
}

/**
 * Every version needed of every library: where its records lie (`need`, `aux`), the distance to the
 * `next` one of its library (0 at the end) and the `index` by which symbols name it.
 *
 * @param {Buffer} elf @param {Section} needs @param {Section} strings
 */
function neededVersions(elf, needs, strings) {
  const versions = [];
  for (let need = needs.offset, step = -1; step !== 0; need += step) {
    const library = stringAt(elf, strings.offset + elf.readUInt32LE(need + 4));
    let aux = need + elf.readUInt32LE(need + 8);
    for (let left = elf.readUInt16LE(need + 2); left > 0; left--) {
      const next = elf.readUInt32LE(aux + 12);
      const version = stringAt(elf, strings.offset + elf.readUInt32LE(aux + 8));
      versions.push({ library, version, need, aux, next, index: elf.readUInt16LE(aux + 6) });
      aux += next;
    }
    step = elf.readUInt32LE(need + 12);
  }
  return versions;
}

/** @param {Buffer} elf @param {number} offset @returns {string} */
function stringAt(elf, offset) {
  return elf.toString('latin1', offset, elf.indexOf(0, offset));
}

/** @param {Buffer} bytes */
export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @returns {string | undefined} the running C library's version, if it is glibc. */
function glibcVersion() {
  /** @type {any} */
  const report = process.report?.getReport();
  return report?.header.glibcVersionRuntime;
}

/**
 * The ABI of the Node that will run Snowshed: 24's, also while an older one installs it.
 *
 * @returns {string}
 */
function abi() {
  return Number(process.versions.modules) > 137 ? process.versions.modules : '137';
}

function main() {
  const folder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
  const arch = process.arch;
  const name = `uws_linux_${arch}_${abi()}.node`;
  const path = join(folder, name);
  const bytes = existsSync(path) ? readFileSync(path) : undefined;
  const copyPath = join(folder, name.replace('.node', '.older-glibc.node'));
  rmSync(copyPath, { force: true });

  const todo = plan({
    platform: process.platform,
    glibc: glibcVersion(),
    name,
    sha256: bytes && sha256(bytes),
  });
  if (todo.kind === 'cannot') console.error(todo.why);
  if (todo.kind !== 'copy' || bytes === undefined) return;
  const copy = withOlderNames(bytes, arch === 'arm64' ? 'arm64' : 'x64');
  if (sha256(copy) !== todo.sha256) throw new Error(`${copyPath} would have the SHA-256 ${sha256(copy)}`);
  writeFileSync(`${copyPath}.part`, copy);
  renameSync(`${copyPath}.part`, copyPath);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main();
