/** Clock: milliseconds of the machine's monotonic clock, the same in all processes. */

const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export function nowMs(): number {
  return performance.now() + offsetMs;
}
