/**
 * Pages: what the one-process mode serves on the clients' port beside the protocol: the demo page and its login.
 */

import type { DemoPage, PageAnswer } from '#demo/serve.ts';
import { isLoopback } from '#gateway/transports/config.ts';
import type { HttpAnswer } from '#gateway/transports/exchange.ts';
import type { Page } from '#gateway/transports/web.ts';
import type { AllInOneConfig } from './config.ts';
import type { DemoLogin } from './demo-login.ts';

/** @param login absent: tokens come from elsewhere. */
export function demoPages(demo: DemoPage, login: DemoLogin | undefined): readonly Page[] {
  const pages = demo.paths.map((path): Page => ({ path, answer: () => httpAnswer(demo.answer(path)) }));
  if (login === undefined) return pages;
  const answer: Page['answer'] = ({ opening, query }) => {
    const { status, body } = login.answer(opening.origin, query);
    return { status, headers: tokenHeaders, body: JSON.stringify(body) };
  };
  return [...pages, { method: 'post', path: '/demo/token', answer }];
}

/** Where the page is opened: first the address to tell people. */
export function pageOrigins(config: AllInOneConfig, port: number): readonly string[] {
  const { DEMO_ORIGIN, GATEWAY_HOST, GATEWAY_TLS_CERT_FILE } = config;
  const scheme = GATEWAY_TLS_CERT_FILE === undefined ? 'http' : 'https';
  const hosts = isLoopback(GATEWAY_HOST) ? ['localhost', '127.0.0.1', '[::1]'] : [];
  const here = hosts.map((host) => new URL(`${scheme}://${host}:${port}`).origin);
  return DEMO_ORIGIN === undefined ? here : [new URL(DEMO_ORIGIN).origin, ...here];
}

const tokenHeaders: HttpAnswer['headers'] = [
  ['Content-Type', 'application/json'],
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
];

function httpAnswer({ status, headers, body }: PageAnswer): HttpAnswer {
  return { status, headers: Object.entries(headers), body };
}
