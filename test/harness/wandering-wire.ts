/**
 * Wandering wire: a WebSocket and a `fetch` for the SDK that lead to another gateway each time, as behind a balancer
 * without stickiness, and that can be cut, or fall silent, under it.
 */

import WebSocket from 'ws';
import type { ConnectOptions } from '#client/index.ts';
import type { Random } from '#runtime/random.ts';
import type { PollAnswer, ServerMessage } from '#wire/messages.ts';

export interface WanderingWire extends Required<Pick<ConnectOptions, 'WebSocket' | 'fetch'>> {
  /** The gateway that was heard of last. */
  readonly url: string;
  /** Ends everything that is under way, without a word to the other side. */
  cut(): void;
  /** Nothing that is under way brings or takes anything any more, and none of it ends. */
  silence(): void;
}

/** A connection or a request, as far as it can be hurt. */
interface Line {
  cut(): void;
  silence(): void;
}

export interface WireOptions {
  readonly random: Random;
  /** Of the gateways; one by chance for each connection, and for each request. */
  urls(): readonly string[];
  /** A gateway was heard of. */
  at(url: string): void;
  /** Each message of the service, before the SDK has it. */
  said(message: ServerMessage): void;
}

export function createWanderingWire({ random, urls, at, said }: WireOptions): WanderingWire {
  const lines = new Set<Line>();
  let newest = '';

  function choose(): string {
    const all = urls();
    // Where none runs, none answers: a port that nobody listens on.
    return all[Math.floor(random.draw() * all.length)] ?? 'ws://127.0.0.1:1';
  }

  function heard(url: string): void {
    newest = url;
    at(url);
  }

  class WanderingSocket extends WebSocket {
    #silent = false;
    constructor(address: string, protocols: string[]) {
      const url = choose();
      super(new URL(new URL(address).pathname, url), protocols);
      const line = {
        cut: () => this.terminate(),
        silence: () => {
          this.#silent = true;
          if (this.readyState === WebSocket.OPEN) this.pause();
        },
      };
      lines.add(line);
      this.once('open', () => (this.#silent ? this.pause() : heard(url)));
      this.on('message', (text) => said(JSON.parse(String(text)) as ServerMessage));
      this.once('close', () => lines.delete(line));
    }
    override send(data: string): void {
      if (!this.#silent) super.send(data);
    }
  }

  async function wander(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const url = choose();
    const address = new URL(new URL(String(input)).pathname, url.replace(/^ws/, 'http'));
    const cutter = new AbortController();
    let silent = false;
    const line = {
      cut: () => cutter.abort(),
      silence() {
        silent = true;
      },
    };
    lines.add(line);
    const signal = AbortSignal.any([cutter.signal, ...(init.signal ? [init.signal] : [])]);
    try {
      const response = await fetch(address, { ...init, signal });
      const body = await response.text();
      if (silent) await untilAborted(signal);
      heard(url);
      const { messages = [] } = JSON.parse(body) as Partial<PollAnswer>;
      for (const message of messages) said(message as ServerMessage);
      return new Response(body, { status: response.status, headers: response.headers });
    } finally {
      lines.delete(line);
    }
  }

  return {
    WebSocket: WanderingSocket,
    fetch: wander,
    get url() {
      return newest;
    },
    cut() {
      for (const line of lines) line.cut();
    },
    silence() {
      for (const line of lines) line.silence();
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  });
}
