/**
 * Platform: everything the SDK asks of the browser or of Node, and the only place where it asks.
 *
 * What a platform does not have is left out: Node has no page that hides and no events of the network.
 */

import type { ConnectOptions, Off, StateStorage, WebSocketConstructor } from './api.ts';

export interface Platform {
  /** Milliseconds since some moment; never goes back, and counts the time a machine slept. */
  nowMs(): number;
  /** Unix milliseconds, as this machine believes. */
  wallMs(): number;
  after(ms: number, act: () => void): Off;
  /** One draw from [0, 1). */
  draw(): number;
  /** An id that nobody else has: 22 characters of `A-Z a-z 0-9 _ -`. */
  id(): string;
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly fetch: typeof fetch;
  /** There are pages here, which come and go. */
  readonly page: boolean;
  /** Where a device id is kept. */
  readonly keep: StateStorage | undefined;
  watch(told: (news: PlatformNews) => void): Off;
}

/** The network may have changed; the page is in sight again; it is about to be gone, or is back after all. */
export type PlatformNews = 'network' | 'visible' | 'hidden' | 'shown';

/** The platform underfoot. */
export function systemPlatform(options: Pick<ConnectOptions, 'WebSocket' | 'fetch'>): Platform {
  const page = globalThis as unknown as Page;
  return {
    nowMs: sleeplessClock(),
    wallMs: Date.now,
    after(ms, act) {
      const timer = setTimeout(act, Math.min(ms, TIMER_MS_MAX));
      return () => clearTimeout(timer);
    },
    draw: Math.random,
    id: randomId,
    WebSocket: options.WebSocket ?? (globalThis.WebSocket as unknown as WebSocketConstructor | undefined),
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    page: page.document !== undefined,
    keep: page.document === undefined ? undefined : storageOf(page),
    watch: (told) => (page.document === undefined ? () => {} : watchPage(page, page.document, told)),
  };
}

/** As much of a browser's global object as is asked for. */
interface Page extends EventSource {
  readonly document?: EventSource & { readonly visibilityState: string };
  readonly navigator?: { readonly connection?: EventSource };
  readonly localStorage: StateStorage;
}
interface EventSource {
  addEventListener(name: string, handler: () => void): void;
  removeEventListener(name: string, handler: () => void): void;
}

const TIMER_MS_MAX = 2_147_483_647;

/** A page that may not keep anything throws at the mere name of its storage. */
function storageOf(page: Page): StateStorage | undefined {
  try {
    return page.localStorage;
  } catch {
    return undefined;
  }
}

function watchPage(
  page: Page,
  document: EventSource & { visibilityState: string },
  told: (news: PlatformNews) => void,
): Off {
  const offs = [
    listen(page, 'online', () => told('network')),
    listen(page, 'pagehide', () => told('hidden')),
    listen(page, 'pageshow', () => told('shown')),
    listen(document, 'visibilitychange', () => document.visibilityState === 'visible' && told('visible')),
  ];
  const connection = page.navigator?.connection;
  if (connection !== undefined) offs.push(listen(connection, 'change', () => told('network')));
  return () => {
    for (const off of offs) off();
  };
}

function listen(source: EventSource, name: string, handler: () => void): Off {
  source.addEventListener(name, handler);
  return () => source.removeEventListener(name, handler);
}

/**
 * `performance.now` stands still on some platforms while the machine sleeps; wall time tells how long it
 * slept.
 */
function sleeplessClock(): () => number {
  let [monotonicMs, wallMs, nowMs] = [performance.now(), Date.now(), 0];
  return () => {
    const [thenMs, wallThenMs] = [monotonicMs, wallMs];
    monotonicMs = performance.now();
    wallMs = Date.now();
    const passedMs = monotonicMs - thenMs;
    const sleptMs = wallMs - wallThenMs - passedMs;
    nowMs += sleptMs > 1_000 ? passedMs + sleptMs : passedMs;
    return nowMs;
  };
}

function randomId(): string {
  const text = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
