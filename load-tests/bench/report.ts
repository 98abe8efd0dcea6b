/** Report: the page `docs/benchmarks.md`, made of the figures of one run. */

import { type Figure, figuresText } from './figure.ts';

export interface Run {
  readonly goals: readonly Figure[];
  readonly others: readonly Figure[];
  readonly machine: readonly string[];
  /** The day, as in `2026-01-31`. */
  readonly day: string;
  readonly seconds: number;
  /** Processes that waited for the processors when it began. */
  readonly loadBefore: number;
}

export function reportText({ goals, others, machine, day, seconds, loadBefore }: Run): string {
  return `# Benchmarks

Written by \`npm run bench\` on ${day}, in ${Math.round(seconds / 60)} minutes. What the figures mean, and where the time
goes, is in [performance.md](performance.md).

${machine.map((line) => `- ${line}`).join('\n')}
- load of the machine before the run: ${loadBefore.toFixed(1)}

## How

Real processes on loopback: gateways, routers and nats-server as they are run, their clients in processes of their own.
The yardstick is a bare relay on uWebSockets.js ([main.ts](../load-tests/yardstick/main.ts)): it finds the target in a
Map and sends the bytes on. Yardstick and system take turns within each round of the same run, a ratio is taken
within a round, and the table shows the median of the rounds with the least and the greatest.

*Processor time* is what the kernel counts for all processes of the system (not for clients), less what they take with
nothing to do, per frame delivered; the frames of a hundred senders are on their way at any moment. *Delivery* is
from the write of one client to the read of the other. *Memory* is what is a process's own after everything
unreachable was collected.

    npm run bench                        everything, and writes this page
    npm run bench -- --quick             a short run that writes nothing
    npm run bench -- --only frames       one group: frames, openings, sessions, subscriptions, takeover
    npm run bench -- --peers             other servers beside ours as well; with --only peers nothing else
    npm run bench:micro                  functions, one by one
    node load-tests/profile.ts           which function takes how much of a frame

## Goals

${figuresText(goals)}

## Beside them

${figuresText(others)}
`;
}
