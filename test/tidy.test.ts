/**
 * Tidy: the house rules about the code itself that no other tool checks, each with a sample that breaks it.
 *
 * A rule takes one module and returns what is wrong with it. Its test runs it over bad samples first, so
 * that a rule which has stopped to see anything is noticed, then over every module of the repository.
 */

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { test } from 'node:test';

interface Module {
  readonly path: string;
  readonly text: string;
}

type Rule = (module: Module) => readonly string[];

interface Import {
  readonly from: string;
  readonly typesOnly: boolean;
}

const root = join(import.meta.dirname, '..');
const exclude = ['**/node_modules/**', '.tools/**', '.cache/**', 'coverage/**', 'load-tests/k6/**'];
const modules: readonly Module[] = globSync('**/*.{ts,mts,mjs}', { cwd: root, exclude })
  .sort()
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

/** Which top-level folders a top-level folder may import: the arrows of the architecture. */
const arrows: { readonly [folder: string]: readonly string[] } = {
  wire: [],
  runtime: ['wire'],
  bus: ['wire', 'runtime'],
  gateway: ['wire', 'runtime', 'bus'],
  router: ['wire', 'runtime', 'bus'],
  client: ['wire'],
  demo: ['wire', 'runtime', 'client'],
  'all-in-one': ['wire', 'runtime', 'bus', 'gateway', 'router', 'client', 'demo'],
  ops: ['wire', 'runtime', 'bus', 'client'],
  simulation: ['wire', 'runtime', 'bus', 'gateway', 'router', 'client'],
  'load-tests': [
    'wire',
    'runtime',
    'bus',
    'gateway',
    'router',
    'client',
    'all-in-one',
    'simulation',
    'test',
    'tools',
  ],
};

/** Folders made of a hub file and spokes that never import one another. */
const hubs = ['gateway', 'router'];
/** What a spoke may import from beside the hub: `seams.ts`, and the types of these. */
const hubTypes = ['config.ts', 'metrics.ts'];

/** Modules of `wire/` that are constants and small functions, so that the client may carry them whole. */
const wireConstants = ['wire/faults.ts', 'wire/limits.ts', 'wire/channels.ts'];

/** Packages that one place wraps for all the others. */
const homes: { readonly [packagePrefix: string]: string } = {
  '@nats-io/': 'bus/',
  'uWebSockets.js': 'runtime/uws.ts',
};

const clockKeepers = ['runtime/clock.ts', 'runtime/random.ts', 'runtime/env.ts', 'client/platform.ts'];

/** Modules past 400 lines, each with the reason why it holds no second noun. */
const longModules: { readonly [path: string]: string } = {};
const linesMax = 400;

rule('imports point one way: every folder imports only what lies below it', followsArrows, [
  { path: 'wire/frames.ts', text: `import { now } from '#runtime/clock.ts';` },
  { path: 'wire/frames.ts', text: `import { hash } from 'node:crypto';` },
  { path: 'runtime/health.ts', text: `import type { Bus } from '#bus/seams.ts';` },
  { path: 'bus/nats/log.ts', text: `export { route } from '#router/router.ts';` },
  { path: 'gateway/gateway.ts', text: `const it = await import('#router/router.ts');` },
  { path: 'router/router.ts', text: `import {\n  a,\n} from '#gateway/seams.ts';` },
]);

rule(
  'another top-level folder is imported by its name, the own one by a relative path',
  usesThePathOfTheHouse,
  [
    { path: 'bus/nats/log.ts', text: `import { frame } from '../../wire/frames.ts';` },
    { path: 'bus/nats/log.ts', text: `import { Log } from '#bus/seams.ts';` },
  ],
);

rule('spokes of a hub never import one another, and know of the hub only its seams', keepsToItsSpoke, [
  { path: 'gateway/session/session.ts', text: `import { a } from '../delivery/outbox.ts';` },
  { path: 'router/presence/watch.ts', text: `import type { D } from '../directory/directory.ts';` },
  { path: 'gateway/dialects/sip/sip.ts', text: `import { b } from '../../session/session.ts';` },
  { path: 'gateway/door/door.ts', text: `import { c } from '../gateway.ts';` },
  { path: 'gateway/door/door.ts', text: `import { d } from '../metrics.ts';` },
]);

rule('the client carries of wire/ types and constants alone', staysSmall, [
  { path: 'client/client.ts', text: `import { Frame } from '#wire/frames.ts';` },
  { path: 'client/client.ts', text: `import { type Frame } from '#wire/frames.ts';` },
  { path: 'client/client.ts', text: `import { readFile } from 'node:fs';` },
  { path: 'wire/limits.ts', text: `import { Type } from 'typebox';` },
]);

rule('a wrapped package is imported where it is wrapped, and nowhere else', goesThroughTheWrapper, [
  { path: 'router/router.ts', text: `import { connect } from '@nats-io/transport-node';` },
  { path: 'gateway/transports/web-socket.ts', text: `import uws from 'uWebSockets.js';` },
]);

rule('time, chance and environment are given: only their adapters touch the real ones', asksItsAdapters, [
  { path: 'gateway/gateway.ts', text: 'setTimeout(() => {}, 5);' },
  { path: 'gateway/gateway.ts', text: `import { setTimeout as sleep } from 'node:timers/promises';` },
  { path: 'router/router.ts', text: 'globalThis.setInterval(f, 5);' },
  { path: 'bus/memory/log.ts', text: 'const atMs = Date.now();' },
  { path: 'bus/memory/log.ts', text: 'const atMs = new Date();' },
  { path: 'runtime/health.ts', text: 'const lagMs = performance.now() - then;' },
  { path: 'client/reconnect.ts', text: 'const draw = Math.random();' },
  { path: 'router/main.ts', text: 'const url = process.env.NATS_URL;' },
]);

rule('a module begins by saying what it is: a noun, a colon, a sentence', saysWhatItIs, [
  { path: 'wire/frames.ts', text: 'export const a = 1;' },
  { path: 'wire/frames.ts', text: '/**\n * Frames and other things.\n */\n' },
  { path: 'wire/frames.ts', text: '// Frame: one unit of signaling.\n' },
]);

rule('folders are named for what they do', hasAHome, [
  { path: 'gateway/utils/encode.ts', text: '' },
  { path: 'src/gateway.ts', text: '' },
]);

rule('files are kebab-case', isKebabCase, [
  { path: 'gateway/rateLimit.ts', text: '' },
  { path: 'gateway/Session.test.ts', text: '' },
  { path: 'gateway/rate_limit.ts', text: '' },
]);

rule(`a file has at most ${linesMax} lines, or a reason`, isOneIdea, [
  { path: 'gateway/gateway.ts', text: 'a;\n'.repeat(linesMax + 1) },
]);

rule('there are no enums: types are erased, nothing is compiled', isErasable, [
  { path: 'wire/frames.ts', text: 'enum Kind { a }' },
  { path: 'wire/frames.ts', text: 'export const enum Kind {\n  a,\n}' },
]);

test('the reasons for long files are still needed', () => {
  for (const [path, reason] of Object.entries(longModules)) {
    const module = modules.find((module) => module.path === path);
    assert(module !== undefined && lines(module) > linesMax, `${path} is no longer long (${reason})`);
  }
});

test('the lock file names every package that an install may ask for, and no address of a registry', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const locked = new Set(
    Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13)),
  );
  for (const [path, entry] of Object.entries<{ optionalDependencies?: object; resolved?: string }>(
    packages,
  )) {
    assert.equal(entry.resolved, undefined, path);
    const absent = Object.keys(entry.optionalDependencies ?? {}).filter((name) => !locked.has(name));
    assert.deepEqual(absent, [], `${path} wants what is not locked, and npm ci will refuse`);
  }
});

function rule(title: string, check: Rule, badSamples: readonly Module[]): void {
  test(title, () => {
    for (const bad of badSamples) assert.notDeepEqual(check(bad), [], `${bad.path} passes: ${bad.text}`);
    assert.deepEqual(
      modules.flatMap((module) => check(module).map((wrong) => `${module.path}: ${wrong}`)),
      [],
    );
  });
}

function followsArrows(module: Module): readonly string[] {
  const allowed = arrows[topFolder(module.path)];
  if (allowed === undefined || isTest(module)) return [];
  return importsOf(module)
    .map(({ from }) => from)
    .filter((from) => {
      const folder = /^#([^/]+)\//.exec(from)?.[1];
      if (folder !== undefined) return !allowed.includes(folder) && folder !== topFolder(module.path);
      return module.path.startsWith('wire/') && !from.startsWith('.') && !/^typebox(\/|$)/.test(from);
    })
    .map((from) => `imports ${from}, which does not lie below it`);
}

function usesThePathOfTheHouse(module: Module): readonly string[] {
  const own = topFolder(module.path);
  return importsOf(module).flatMap(({ from }) => {
    if (from.startsWith(`#${own}/`)) return [`imports ${from}: within ${own}/ the path is relative`];
    const folder = from.startsWith('.') ? topFolder(target(module, from)) : own;
    return folder === own ? [] : [`imports ${from}: write #${target(module, from)}`];
  });
}

function keepsToItsSpoke(module: Module): readonly string[] {
  const [hub = '', spoke = ''] = module.path.split('/');
  if (!hubs.includes(hub) || spoke.endsWith('.ts') || isTest(module)) return [];
  return importsOf(module)
    .filter(({ from, typesOnly }) => {
      if (!from.startsWith('.')) return false;
      const [, place = ''] = target(module, from).split('/');
      return place !== spoke && place !== 'seams.ts' && !(typesOnly && hubTypes.includes(place));
    })
    .map(({ from }) => `imports ${from}: ${hub}.ts joins the spokes, seams.ts has what they share`);
}

function staysSmall(module: Module): readonly string[] {
  if (isTest(module)) return [];
  if (wireConstants.includes(module.path)) {
    return importsOf(module)
      .filter(({ from, typesOnly }) => !typesOnly && !wireConstants.includes(target(module, from)))
      .map(({ from }) => `imports ${from}, which the client would then carry`);
  }
  if (!module.path.startsWith('client/')) return [];
  return importsOf(module)
    .filter(
      ({ from, typesOnly }) => !typesOnly && !from.startsWith('.') && !wireConstants.includes(from.slice(1)),
    )
    .map(({ from }) => `imports ${from}: of other folders only types and ${wireConstants.join(', ')}`);
}

function goesThroughTheWrapper(module: Module): readonly string[] {
  if (isTest(module) || /^(test|tools|load-tests)\//.test(module.path)) return [];
  return importsOf(module).flatMap(({ from }) => {
    const [, home] = Object.entries(homes).find(([prefix]) => from.startsWith(prefix)) ?? [];
    return home === undefined || module.path.startsWith(home)
      ? []
      : [`imports ${from}, whose place is ${home}`];
  });
}

function asksItsAdapters(module: Module): readonly string[] {
  if (isTest(module) || clockKeepers.includes(module.path)) return [];
  if (/^(test|tools|demo|load-tests)\//.test(module.path)) return [];
  const found = withoutComments(module.text).matchAll(
    /(?:(?<![.\w])|(?<=globalThis\.))(?:setTimeout|setInterval|setImmediate)\b|\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\bprocess\.(?:env|hrtime)\b|\bnode:timers\b/g,
  );
  return [...found].map(([what]) => `uses ${what}: ask ${clockKeepers.join(', ')}`);
}

function saysWhatItIs(module: Module): readonly string[] {
  const begins = /^(#![^\n]*\n)?\/\*\*\n? (\* )?[^\s:*][^\n:]*: \S/.test(module.text);
  return begins || isTest(module) ? [] : ['does not begin with `/**`, a noun, a colon and a sentence'];
}

function hasAHome({ path }: Module): readonly string[] {
  return dirname(path)
    .split('/')
    .filter((folder) =>
      ['utils', 'util', 'common', 'types', 'lib', 'src', 'helpers', 'misc'].includes(folder),
    )
    .map((folder) => `lies in ${folder}/, which names no job`);
}

function isKebabCase({ path }: Module): readonly string[] {
  const good = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|d))?\.(ts|mts|mjs)$/.test(basename(path));
  return good ? [] : ['is not kebab-case'];
}

function isOneIdea(module: Module): readonly string[] {
  if (lines(module) <= linesMax || longModules[module.path] !== undefined) return [];
  return [`has ${lines(module)} lines: which second noun does it hold?`];
}

function isErasable({ text }: Module): readonly string[] {
  return /(^|\n)\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w+\s*\{/.test(withoutComments(text))
    ? ['has an enum: use a union of literals']
    : [];
}

function isTest({ path }: Module): boolean {
  return /\.(test|bench)\.ts$/.test(path);
}

function topFolder(path: string): string {
  return path.split('/')[0] ?? '';
}

/** The path, from the root, of what a module imports by a relative path. */
function target(module: Module, from: string): string {
  return posix.join(dirname(module.path), from);
}

function lines({ text }: Module): number {
  return text.split('\n').length - 1;
}

function importsOf({ text }: Module): readonly Import[] {
  const code = withoutComments(text);
  const statements = code.matchAll(/(?:^|\n)\s*(?:import|export)\s+(type\s)?[^'"`;=]*?from\s*(['"])(.+?)\2/g);
  const others = code.matchAll(/(typeof\s+)?\bimport\s*\(?\s*(['"])(.+?)\2/g);
  return [...statements, ...others].map(([, typesOnly, , from = '']) => ({
    from,
    typesOnly: typesOnly !== undefined,
  }));
}

/** Comments taken out, strings left alone (a `//` within one is no comment). */
function withoutComments(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)/g,
    (_, string: string | undefined) => string ?? '',
  );
}
