/**
 * Client build: `client/` as the package `@snowshed/client`, one ESM file with its declarations.
 *
 * `npm run build:client` makes `client/dist/`, which `npm publish client/dist` publishes. The package's own
 * manifest is made here and does not lie in `client/`: there it would be the nearest one to the sources, and
 * end the `#wire/…` imports that the repository's manifest gives them.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type PluginBuild } from 'esbuild';
import { faults } from '#wire/faults.ts';

const root = join(import.meta.dirname, '..');

/** What the bundle may weigh, compressed: it is loaded before a call can ring. */
export const GZIP_BYTES_MAX = 12_288;

/** @returns the compressed size of the bundle in bytes. */
export async function buildClient(folder: string): Promise<number> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const bundle = join(folder, 'index.js');
  await build({
    entryPoints: [join(root, 'client/index.ts')],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [{ name: 'faults', setup: onlyWhatIsAsked }],
  });
  writeFileSync(join(folder, 'index.d.ts'), declarations(join(folder, 'types')));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
  copyFileSync(join(root, 'client/README.md'), join(folder, 'README.md'));
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  return gzipSync(readFileSync(bundle), { level: 9 }).byteLength;
}

/**
 * Of a fault the client asks what it says and whether to retry: its numbers stay out of the bundle, and so do the faults
 * that no client hears of.
 */
function onlyWhatIsAsked({ onLoad }: PluginBuild): void {
  onLoad({ filter: /[\\/]wire[\\/]faults\.ts$/ }, ({ path }) => ({
    contents: readFileSync(path, 'utf8')
      .replace(/\b[A-Z_]+: \{[^{}]*\btold: false,\s*\},/g, '')
      .replace(/\b(closeCode|httpStatus): \d+,/g, ''),
    loader: 'ts',
  }));
}

/** The public types in one file that imports nothing. */
function declarations(folder: string): string {
  const options = ['--project', join(root, 'client/tsconfig.json'), '--outDir', folder];
  const { status, stdout } = spawnSync('tsc', options, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tsc: ${stdout}`);
  const api = readFileSync(join(folder, 'client/api.d.ts'), 'utf8');
  rmSync(folder, { recursive: true });
  const codes = Object.keys(faults).map((code) => `'${code}'`);
  return [
    api.replace(/^(import|export) type \{.*\} from '#wire\/faults\.ts';\n/gm, ''),
    '/** What the service names; see its table of faults. */',
    `export type FaultCode = ${codes.join(' | ')};`,
    '/** May the same be tried again: never, at once after mending, later, or under the same id (the outcome is open). */',
    `export type Retry = 'never' | 'now' | 'later' | 'same-id';`,
    '/** Begins to connect at once and stays connected until `close`. */',
    'export declare function connect(options: ConnectOptions): Snowshed;',
    '',
  ].join('\n');
}

function manifest(): object {
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return {
    name: '@snowshed/client',
    version,
    description:
      'Signaling for real-time calls that survives networks, gateways and avalanches: the client of Snowshed.',
    license,
    keywords: ['webrtc', 'signaling', 'websocket', 'reconnect', 'presence'],
    type: 'module',
    sideEffects: false,
    engines: { node: '>=22' },
    main: './index.js',
    types: './index.d.ts',
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
    files: ['index.js', 'index.d.ts'],
  };
}

if (import.meta.main) {
  const bytes = await buildClient(join(root, 'client/dist'));
  console.log(`client/dist: ${bytes} bytes compressed, at most ${GZIP_BYTES_MAX}`);
  if (bytes > GZIP_BYTES_MAX) process.exitCode = 1;
}
