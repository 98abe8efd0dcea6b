/**
 * Files: how many this process may have open, connections among them.
 */

import { readFileSync } from 'node:fs';

/** The limit that the kernel enforces; without one that can be read, as many as one likes. */
export function filesMax(limits: string = limitsOfProcess()): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return line === undefined || line === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line);
}

function limitsOfProcess(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
