/**
 * Quota: holds processes down to a part of one core, so that a drain lasts on a machine that is much too fast.
 *
 * By the CPU controller of Linux's control groups, version 1 or 2; one group per process held. A process runs for 5 ms and
 * then waits for its next period, as under a CPU limit of Kubernetes, where a period is 100 ms. In shorter slices it would find its caches
 * cold each time, which no slow core does, and in longer ones it would be a fast core with pauses.
 */

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const QUOTA_MICROS_MIN = 5_000;
const PERIOD_MICROS_MIN = 10_000;
const PERIOD_MICROS_MAX = 1_000_000;

export interface Held {
  readonly pid: number;
  /** Of one core. */
  readonly share: number;
  /** Periods so far, and those in which it had used up its part. */
  periods(): { readonly all: number; readonly usedUp: number };
  release(): void;
}

export interface Quota {
  /** @param share of one core. */
  hold(pid: number, share: number): Held;
  releaseAll(): void;
}

type Version = 1 | 2;

const roots: { readonly [version in Version]: string } = { 1: '/sys/fs/cgroup/cpu', 2: '/sys/fs/cgroup' };

/** @throws with what is missing, where no process can be held on this machine. */
export function openQuota(): Quota {
  const version: Version = existsSync(join(roots[2], 'cgroup.controllers')) ? 2 : 1;
  const base = join(roots[version], `snowshed-storm-${process.pid}`);
  try {
    mkdirSync(base);
    if (version === 2) enableCpu(base);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the storm needs the CPU controller of control groups to hold the gateways down, and cannot make a group: ${why}. Run it as root, with ${roots[version]} writable.`,
    );
  }
  const all = new Set<Held>();
  let groups = 0;
  const releaseAll = () => {
    for (const held of [...all]) held.release();
    removed(base);
  };
  process.on('exit', releaseAll);
  return {
    hold(pid, share) {
      const group = join(base, String(++groups));
      mkdirSync(group);
      limit(version, group, share);
      writeFileSync(join(group, 'cgroup.procs'), String(pid));
      const held: Held = {
        pid,
        share,
        periods: () => periodsOf(group),
        release() {
          all.delete(held);
          moveBack(version, pid);
          removed(group);
        },
      };
      all.add(held);
      return held;
    },
    releaseAll,
  };
}

function enableCpu(base: string): void {
  writeFileSync(join(roots[2], 'cgroup.subtree_control'), '+cpu');
  writeFileSync(join(base, 'cgroup.subtree_control'), '+cpu');
}

function limit(version: Version, group: string, share: number): void {
  const { quotaMicros, periodMicros } = sliceOf(share);
  if (version === 2) return writeFileSync(join(group, 'cpu.max'), `${quotaMicros} ${periodMicros}`);
  writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodMicros));
  writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaMicros));
}

/**
 * The period, and what of it a process may run.
 *
 * @throws where it is longer than the kernel takes.
 */
export function sliceOf(share: number): { readonly quotaMicros: number; readonly periodMicros: number } {
  const periodMicros = Math.max(PERIOD_MICROS_MIN, Math.ceil(QUOTA_MICROS_MIN / share));
  if (!(periodMicros <= PERIOD_MICROS_MAX))
    throw new Error(`a part of ${share} of a core is too small to be held`);
  return { quotaMicros: Math.max(QUOTA_MICROS_MIN, Math.round(periodMicros * share)), periodMicros };
}

function periodsOf(group: string): { readonly all: number; readonly usedUp: number } {
  const text = readFileSync(join(group, 'cpu.stat'), 'utf8');
  const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return { all: value('nr_periods'), usedUp: value('nr_throttled') };
}

function moveBack(version: Version, pid: number): void {
  try {
    writeFileSync(join(roots[version], 'cgroup.procs'), String(pid));
  } catch {
    // It has ended.
  }
}

function removed(group: string): void {
  try {
    rmdirSync(group);
  } catch {
    // Not made, or a process that was killed is not quite gone; an empty group harms nobody.
  }
}
