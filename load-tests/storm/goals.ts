/**
 * Goals: what a drain is to show, and whether it does. Pure.
 */

import type { Ledger } from '../swarm/orders.ts';
import type { Result } from './drains.ts';
import { seconds } from './telling.ts';

export interface Judged {
  readonly met: boolean;
  readonly text: string;
}

const BACK_99_MAX = 1.1;
const ATTEMPTS_MAX = 6;
/** In a call: of the whole drain. */
const IN_CALL_SHARE_MAX = 0.15;

/**
 * Of one loss. A run that was bounded by something else meets none. The loss of one gateway is told, and not held to multiples
 * of its optimum: it is over before clients lose patience, and the law spreads it over more than that on purpose.
 */
export function lossGoals({ drain, verdict }: Result): readonly Judged[] {
  const { optimumMs } = verdict;
  const { title, killed, replaced } = drain.loss;
  if (killed === 1 && !replaced) return countsOnly(title, verdict.bounded);
  const back = verdict.backMs99 === undefined ? undefined : verdict.backMs99 / optimumMs;
  const callMs = IN_CALL_SHARE_MAX * (verdict.backMsAll ?? optimumMs);
  const goals = [
    judged(
      back !== undefined && back <= BACK_99_MAX,
      `${title}: 99 % back after ${back?.toFixed(3) ?? 'never'} × the optimum, at most ${BACK_99_MAX}`,
    ),
    judged(
      verdict.attempts <= ATTEMPTS_MAX,
      `${title}: ${verdict.attempts.toFixed(2)} attempts, at most ${ATTEMPTS_MAX}`,
    ),
    judged(
      verdict.inCall === 0 || (verdict.inCallMsAll ?? Number.POSITIVE_INFINITY) <= callMs,
      `${title}: all in a call back after ${seconds(verdict.inCallMsAll)}, at most ${seconds(callMs)}`,
    ),
  ];
  return [...goals, ...countsOnly(title, verdict.bounded)];
}

function countsOnly(title: string, bounded: string | undefined): readonly Judged[] {
  return bounded === undefined ? [] : [judged(false, `${title}: does not count, as ${bounded}`)];
}

const DISTURBED_MAX = 1.2;

/** Of a drain in which something else failed for a time. */
export function disturbedGoals(outageMs: number): (result: Result) => readonly Judged[] {
  return ({ drain, verdict }) => {
    const mostMs = outageMs + DISTURBED_MAX * verdict.optimumMs;
    const met = verdict.backMsAll !== undefined && verdict.backMsAll <= mostMs;
    const goals = [
      judged(
        met,
        `${drain.loss.title}: all back after ${seconds(verdict.backMsAll)}, at most ${seconds(mostMs)}`,
      ),
    ];
    if (verdict.bounded === undefined) return goals;
    return [...goals, judged(false, `${drain.loss.title}: does not count, as ${verdict.bounded}`)];
  };
}

export function ledgerGoals({ lost, doubled, disordered, gaps }: Ledger): readonly Judged[] {
  const wrong = lost + doubled + disordered + gaps;
  return [
    judged(wrong === 0, `frames: ${lost} lost, ${doubled} doubled, ${disordered} out of order, ${gaps} gaps`),
  ];
}

function judged(met: boolean, text: string): Judged {
  return { met, text };
}
