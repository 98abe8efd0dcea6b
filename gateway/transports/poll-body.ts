/**
 * Poll body: what one long poll asks, out of its bytes, or what is wrong with them.
 *
 * The messages in it become bytes again, one by one, since a dialect reads bytes. Pure.
 */

import { Compile } from 'typebox/compile';
import type { FaultCode } from '#wire/faults.ts';
import { PollRequest } from '#wire/messages.ts';

/** A poll that was read: what it asks, and its messages as bytes of the dialect. */
export interface IncomingPoll {
  readonly request: PollRequest;
  readonly messages: readonly Uint8Array[];
  readonly greets: boolean;
}

const pollRequest = Compile(PollRequest);

export function incomingPoll(body: Uint8Array, messageBytesMax: number): IncomingPoll | FaultCode {
  let value: unknown;
  try {
    value = JSON.parse(strictUtf8.decode(body));
  } catch (error) {
    return error instanceof TypeError ? 'INVALID_UTF8' : 'MALFORMED';
  }
  if (!pollRequest.Check(value)) return 'INVALID';
  const messages: Uint8Array[] = [];
  for (const message of value.messages ?? []) {
    const bytes = bytesOf(message);
    if (bytes === undefined) return 'TOO_DEEP';
    if (bytes.byteLength > messageBytesMax) return 'TOO_LARGE';
    messages.push(bytes);
  }
  return { request: value, messages, greets: isHello(value.messages?.[0]) };
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What is nested deeper than the stack can hold cannot be written. */
function bytesOf(message: unknown): Uint8Array | undefined {
  try {
    return Buffer.from(JSON.stringify(message));
  } catch {
    return undefined;
  }
}

function isHello(message: unknown): boolean {
  return typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'hello';
}
