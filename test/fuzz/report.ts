/**
 * Report: an input that broke an oracle, so that anybody can read it again.
 */

import type { Broken } from './fuzzer.ts';

export function reportOf(target: string, seed: number, { input, minimized, why }: Broken): string {
  return [
    `${target} broke with seed ${seed}: ${why}`,
    `input: ${input.toString('base64')}`,
    `minimized: ${minimized.toString('base64')}`,
    `as text: ${JSON.stringify(minimized.toString('utf8').slice(0, 500))}`,
  ].join('\n');
}
