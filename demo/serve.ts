/**
 * Serve: the demo page as answers to requests, held in memory; who serves it brings the HTTP server.
 *
 * The script is bundled from `page/` when it is first asked for, so that neither a build step nor a
 * bundler stands between `npm ci` and `npm start`.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Setup } from './page/setup.ts';

export interface PageAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface DemoPage {
  /** The paths that have an answer to GET. */
  readonly paths: readonly string[];
  answer(path: string): Promise<PageAnswer>;
}

const folder = join(import.meta.dirname, 'page');

/** @param setup what the page is told of the service: whether a name is enough, and where the service is. */
export function createDemoPage(setup: Setup): DemoPage {
  const contents: { readonly [path: string]: readonly [type: string, text: () => Promise<string>] } = {
    '/': ['text/html', () => readFile(join(folder, 'index.html'), 'utf8')],
    '/style.css': ['text/css', () => readFile(join(folder, 'style.css'), 'utf8')],
    '/favicon.svg': ['image/svg+xml', () => readFile(join(folder, 'favicon.svg'), 'utf8')],
    '/page.js': ['text/javascript', bundled],
    '/demo/setup.json': ['application/json', async () => JSON.stringify(setup)],
  };
  const texts = new Map<string, Promise<string>>();
  const headers = securityHeaders(setup.signaling);
  return {
    paths: Object.keys(contents),
    async answer(path) {
      const [type, read] = contents[path] ?? [];
      if (type === undefined || read === undefined) return notFound(headers);
      const text = texts.get(path) ?? read();
      texts.set(path, text);
      return {
        status: 200,
        headers: { ...headers, 'content-type': `${type}; charset=utf-8` },
        body: await text,
      };
    },
  };
}

/** One module of all the page's code and the SDK's. */
async function bundled(): Promise<string> {
  const { build } = await import('esbuild');
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

function notFound(headers: Readonly<Record<string, string>>): PageAnswer {
  return {
    status: 404,
    headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' },
    body: 'not found\n',
  };
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
