/**
 * Sign-in: what this page is set up for, and the token that it connects with.
 */

import { SnowshedError } from '#client/index.ts';
import type { Setup } from './setup.ts';

export async function fetchSetup(): Promise<Setup> {
  return (await fetch('/demo/setup.json')).json();
}

/** A token that lives for some minutes; the SDK asks for the next one in time. */
export async function fetchToken(name: string): Promise<string> {
  const answer = await fetch(`/demo/token?name=${encodeURIComponent(name)}`, { method: 'POST' });
  const { token, error } = await answer.json();
  if (answer.ok) return token;
  throw new Error(error ?? `The service answered ${answer.status}.`);
}

export function refusalText(error: unknown): string {
  if (!(error instanceof SnowshedError)) return error instanceof Error ? error.message : String(error);
  return error.fault === 'FORBIDDEN'
    ? 'This token does not carry the right to enter the lobby.'
    : error.message;
}

/** Unguessable, and there also on pages without TLS, where `crypto.randomUUID` is not. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
