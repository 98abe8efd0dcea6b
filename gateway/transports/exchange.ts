/**
 * Exchange: one HTTP request that waits for its answer.
 *
 * It is answered at most once, and not after the client went away. A connection that began with a PROXY
 * header is answered in a later turn of the loop and then closed: uWebSockets.js would believe another such
 * header before the connection's next request, and that one would come from the client. While an answer
 * is due it takes no further request from a connection, so none can slip in between.
 */

import { STATUS_CODES } from 'node:http';
import type { Clock } from '#runtime/clock.ts';
import type { HttpResponse } from '#runtime/uws.ts';
import { type FaultCode, faultDefinition } from '#wire/faults.ts';

export type Headers = readonly (readonly [name: string, value: string])[];

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string | Uint8Array;
}

/** Seconds after which a client refused for now may come again, where nothing better is known. */
const RETRY_AFTER_S = '2';

export class Exchange {
  /** Called when the client goes away before it was answered. */
  abandoned: (() => void) | undefined;
  private readonly response: HttpResponse;
  private readonly clock: Clock;
  private readonly viaProxyProtocol: boolean;
  private over: boolean;

  constructor(response: HttpResponse, clock: Clock, viaProxyProtocol: boolean) {
    this.abandoned = undefined;
    this.response = response;
    this.clock = clock;
    this.viaProxyProtocol = viaProxyProtocol;
    this.over = false;
    response.onAborted(() => {
      this.over = true;
      this.abandoned?.();
    });
  }

  /** False once it was answered or abandoned. */
  get waits(): boolean {
    return !this.over;
  }

  /** @param closes ends the connection with it, because more of the request is on its way, or to move the client on. */
  answer(answer: HttpAnswer, closes = false): void {
    if (this.over) return;
    if (this.viaProxyProtocol) this.clock.soon(() => this.write(answer, true));
    else this.write(answer, closes);
  }

  private write({ status, headers, body }: HttpAnswer, closes: boolean): void {
    if (this.over) return;
    this.over = true;
    const { response } = this;
    response.cork(() => {
      response.writeStatus(`${status} ${STATUS_CODES[status] ?? ''}`);
      for (const [name, value] of headers) response.writeHeader(name, value);
      response.end(body, closes);
    });
  }
}

const json = ['Content-Type', 'application/json'] as const;
/** What depends on who asks and when is kept by nobody. */
const uncached = ['Cache-Control', 'no-store'] as const;

export function jsonAnswer(body: string, headers: Headers): HttpAnswer {
  return { status: 200, headers: [json, uncached, ...headers], body };
}

/**
 * A fault as HTTP says it: its status, and JSON for those who read.
 *
 * @param afterMs when to come again, if it is known.
 * @param ahead how many stand before the client, where it is its place in a queue that says when.
 */
export function faultAnswer(
  fault: FaultCode,
  headers: Headers,
  afterMs?: number,
  ahead?: number,
): HttpAnswer {
  const { httpStatus, retry, text } = faultDefinition(fault);
  const retryAfterS = afterMs === undefined ? RETRY_AFTER_S : String(Math.max(1, Math.ceil(afterMs / 1_000)));
  const later: Headers = retry === 'later' ? [['Retry-After', retryAfterS]] : [];
  const retryAfterMs = afterMs === undefined ? undefined : Math.ceil(afterMs);
  return {
    status: httpStatus,
    headers: [json, uncached, ...later, ...headers],
    body: JSON.stringify({
      ...{ fault, text, retryAfterMs },
      ...(ahead !== undefined && { etaMs: retryAfterMs, ahead }),
    }),
  };
}
