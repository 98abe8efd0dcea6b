/**
 * Serve: the demo page as answers to requests, held in memory; who serves it brings the HTTP server.
 *
 * The script is bundled from `page/` at the start, so that neither a build step nor a
 * bundler stands between `npm ci` and `npm start`.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Setup } from './page/setup.ts';

export interface PageAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface DemoPage {
  /** The paths that have an answer to GET. */
  readonly paths: readonly string[];
  answer(path: string): PageAnswer;
}

const folder = join(import.meta.dirname, 'page');

/** @param setup what the page is told of the service: whether a name is enough, and where the service is. */
export async function createDemoPage(setup: Setup): Promise<DemoPage> {
  const pages: readonly (readonly [path: string, type: string, text: string])[] = [
    ['/', 'text/html', await fileOf('index.html')],
    ['/style.css', 'text/css', await fileOf('style.css')],
    ['/favicon.svg', 'image/svg+xml', await fileOf('favicon.svg')],
    ['/page.js', 'text/javascript', await bundled()],
    ['/demo/setup.json', 'application/json', JSON.stringify(setup)],
  ];
  const headers = securityHeaders(setup.signaling);
  const answers = new Map(
    pages.map(([path, type, body]) => [path, pageAnswer(200, type, body, headers)] as const),
  );
  const notFound = pageAnswer(404, 'text/plain', 'not found\n', headers);
  return { paths: [...answers.keys()], answer: (path) => answers.get(path) ?? notFound };
}

function pageAnswer(
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): PageAnswer {
  return { status, headers: { ...headers, 'content-type': `${type}; charset=utf-8` }, body };
}

function fileOf(name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8');
}

/** One module of all the page's code and the SDK's. */
async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'main.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

/** The page loads from its own origin alone, talks to the service alone, and is framed by nobody. */
function securityHeaders(signaling: string | undefined): Readonly<Record<string, string>> {
  const service = signaling === undefined ? '' : ` ${signaling} ${signaling.replace(/^http/, 'ws')}`;
  return {
    'content-security-policy': [
      "default-src 'self'",
      `connect-src 'self'${service}`,
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ].join('; '),
    'permissions-policy': 'camera=(self), microphone=(self), geolocation=()',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-cache',
  };
}
