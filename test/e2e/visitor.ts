/**
 * Visitor: a person at the demo page in a real Chromium, who sees the page by its test ids and presses its buttons.
 *
 * Camera and microphone are the browser's fakes. Every visitor is a browser context of its own, as if at
 * a machine of its own; a second one under the same name is a second device.
 */

import assert from 'node:assert/strict';
import { after, afterEach } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { chromiumPath } from '#tools/chromium.ts';

export interface FlowStats {
  readonly packetsReceived: number;
  readonly bytesReceived: number;
  readonly framesDecoded: number;
}

export interface Visitor {
  readonly page: Page;
  press(testId: string): Promise<void>;
  /** Waits until the element's text fits. */
  sees(testId: string, text: RegExp): Promise<void>;
  hides(testId: string): Promise<void>;
  /** The kinds of the frames on the ladder, in order; each of a burst counts. */
  ladder(from?: 'caller' | 'callee' | 'service'): Promise<readonly string[]>;
  stats(): Promise<FlowStats>;
  /** Resolves when more packets have come in and more pictures were decoded than a moment ago. */
  mediaGrows(): Promise<void>;
  /** The page dies without a word. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

export interface Visit {
  readonly url: string;
  /** With the demo's login. */
  readonly name?: string;
  /** Without it. */
  readonly token?: string;
}

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  // Candidates on loopback are then plain addresses, which need no multicast DNS to be resolved.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];
const waitMsMax = 20_000;

/** Opens visitors for the tests of this file; after each test they leave, and what their pages complained of fails it. */
export function useVisitors(): { visit(visit: Visit): Promise<Visitor> } {
  let browser: Promise<Browser> | undefined;
  let visitors: Visitor[] = [];
  let complaints: string[] = [];

  afterEach(async () => {
    await Promise.all(visitors.map((visitor) => visitor.close()));
    visitors = [];
    const heard = complaints;
    complaints = [];
    assert.deepEqual(heard, []);
  });
  after(async () => (await browser)?.close());

  return {
    async visit(visit) {
      browser ??= chromium.launch({ executablePath: chromiumPath(), args: flags });
      const context = await (await browser).newContext();
      const page = await context.newPage();
      page.setDefaultTimeout(waitMsMax);
      page.on('pageerror', (error) => complaints.push(`${visit.name ?? 'a visitor'}: ${error.message}`));
      const visitor = visitorAt(page);
      visitors.push(visitor);
      await enter(page, visit);
      return visitor;
    },
  };
}

async function enter(page: Page, { url, name, token }: Visit): Promise<void> {
  await page.goto(url);
  if (name !== undefined) await page.getByTestId('name').fill(name);
  if (token !== undefined) await page.getByTestId('token').fill(token);
  await page.getByTestId('enter').click();
}

function visitorAt(page: Page): Visitor {
  const stats = (): Promise<FlowStats> => page.evaluate('demo.stats()');
  return {
    page,
    press: (testId) => page.getByTestId(testId).click(),
    async sees(testId, text) {
      await page.getByTestId(testId).filter({ hasText: text, visible: true }).waitFor();
    },
    hides: (testId) => page.getByTestId(testId).waitFor({ state: 'hidden' }),
    ladder: (from) => ladderOf(page, from),
    stats,
    async mediaGrows() {
      const before = await stats();
      const endMs = performance.now() + waitMsMax;
      for (let now = before; !hasGrown(before, now); now = await stats()) {
        assert(performance.now() < endMs, `media stands still: ${JSON.stringify([before, now])}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async crash() {
      const crashed = page.waitForEvent('crash');
      const session = await page.context().newCDPSession(page);
      // It is never answered: there is nobody left to do so.
      session.send('Page.crash').catch(() => {});
      await crashed;
    },
    close: () => page.context().close(),
  };
}

function hasGrown(before: FlowStats | undefined, now: FlowStats | undefined): boolean {
  if (now === undefined) return false;
  const { packetsReceived = 0, framesDecoded = 0 } = before ?? {};
  return now.packetsReceived >= packetsReceived + 10 && now.framesDecoded >= framesDecoded + 5;
}

async function ladderOf(page: Page, from: string | undefined): Promise<readonly string[]> {
  const rungs = page.getByTestId('ladder').locator('.rung');
  const all = await rungs.evaluateAll((items) =>
    items.map(({ dataset, ariaLabel }) => ({
      kind: dataset['kind'] ?? '',
      from: dataset['from'],
      count: Number(/×(\d+)/.exec(ariaLabel ?? '')?.[1] ?? 1),
    })),
  );
  return all
    .filter((rung) => from === undefined || rung.from === from)
    .flatMap(({ kind, count }) => Array<string>(count).fill(kind));
}
