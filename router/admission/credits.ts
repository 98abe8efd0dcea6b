/**
 * Credits: a ceiling that all gateways share, dealt out anew for every window of 250 ms.
 *
 * Each gateway gets the part that its waiting clients are of all waiting clients, in whole credits; what is left over
 * by rounding goes to the next window. A gateway that is silent may still be setting clients up at its even part,
 * so that part is set aside. Where fewer wait than there are credits, the rest is dealt evenly, for those who
 * come before the next window. Never is more dealt than the ceiling allows.
 *
 * Pure. `admission.ts` asks it.
 */

import assert from 'node:assert/strict';

export const CREDIT_WINDOW_MS = 250;

export interface Deal {
  /** In the order of the gateways asked for. */
  readonly credits: readonly number[];
  /** Of a credit, for the next window. */
  readonly carried: number;
}

/**
 * @param waiting clients that need a credit, per gateway that reports.
 * @param silent gateways that may live and were not heard.
 * @param carried what the window before left over by rounding.
 * @param turn moves the odd credits on from window to window.
 */
export function deal(
  ceilingPerSecond: number,
  waiting: readonly number[],
  silent: number,
  carried: number,
  turn: number,
): Deal {
  assert(ceilingPerSecond >= 0 && carried >= 0 && carried < 1);
  const count = waiting.length;
  if (count === 0) return { credits: [], carried: 0 };
  const ofWindow = (ceilingPerSecond * CREDIT_WINDOW_MS) / 1_000;
  const exact = (ofWindow * count) / (count + silent) + carried;
  const whole = Math.floor(exact + 1e-9);
  const all = waiting.reduce((sum, one) => sum + one, 0);
  const needed = Math.min(all, whole);
  const parts = waiting.map((one) => (all === 0 ? 0 : (needed * one) / all) + (whole - needed) / count);
  return { credits: rounded(parts, whole, turn), carried: Math.min(Math.max(0, exact - whole), 1 - 1e-9) };
}

/** Whole numbers that add up to `whole`: the odd ones go to the largest remainders, ties in turn. */
function rounded(parts: readonly number[], whole: number, turn: number): number[] {
  const credits = parts.map((part) => Math.floor(part + 1e-9));
  const odd = whole - credits.reduce((sum, one) => sum + one, 0);
  const place = (i: number) => (i - turn + parts.length * (turn + 1)) % parts.length;
  const remainder = (i: number) => Math.round((parts[i]! - credits[i]!) * 1e6);
  [...parts.keys()]
    .sort((a, b) => remainder(b) - remainder(a) || place(a) - place(b))
    .slice(0, Math.max(0, odd))
    .forEach((i) => {
      credits[i]! += 1;
    });
  return credits;
}
