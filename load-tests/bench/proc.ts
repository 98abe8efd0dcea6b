/**
 * Proc: what Linux says of a process: the time it has had on the processor, and the memory that is its own.
 */

import { readdirSync, readFileSync } from 'node:fs';

/** Microseconds that all threads of these processes have run, in their own code and in the kernel for them. */
export function cpuMicros(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMicrosOf(pid), 0);
}

/**
 * `schedstat` counts nanoseconds where `stat` counts ticks of 10 ms of the same account. Threads that have ended are
 * not in it; the processes measured here end none.
 */
function cpuMicrosOf(pid: number): number {
  let nanos = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return nanos / 1_000;
}

/** How often threads of these processes have gone to sleep for want of work. */
export function sleepsOf(pids: readonly number[]): number {
  return pids.flatMap(threadStatuses).reduce((sum, status) => sum + Number(SLEEPS.exec(status)?.[1]), 0);
}

const SLEEPS = /^voluntary_ctxt_switches:\s+(\d+)$/m;

function threadStatuses(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'),
  );
}

/**
 * Bytes of memory that are this process's own: of its PSS what is anonymous. The rest is its share of the program's
 * pages, which changes with whatever else runs the same program.
 */
export function ownBytes(pid: number): number {
  const kiloBytes = /^Pss_Anon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  if (kiloBytes === undefined) throw new Error(`the memory of process ${pid} is not known`);
  return Number(kiloBytes) * 1_024;
}
