/**
 * Optimum: when a fleet would be done that wastes nothing: all necessary work over all CPU.
 *
 * Work arises when clients are lost; CPU flows in while gateways live. A fluid is poured through both, so that work which arises
 * later, and CPU that comes and goes, are counted as they were. A shared ceiling is another vessel of the same kind.
 */

export class Optimum {
  #workMs = 0;
  #credits = 0;
  doneAtMs = 0;

  lost(workMs: number, credits: number): void {
    this.#workMs += workMs;
    this.#credits += credits;
  }

  /** One millisecond passes. */
  passed(nowMs: number, cpuMs: number, credits: number): void {
    const work = drained(this.#workMs, cpuMs);
    const asked = drained(this.#credits, credits);
    this.#workMs = work.left;
    this.#credits = asked.left;
    const part = Math.max(work.part, asked.part);
    // Newcomers that are served as they come do not keep it open.
    if (part === 1 || (part > 0 && nowMs <= this.doneAtMs)) this.doneAtMs = nowMs + part;
  }
}

/** What is left, and the part of the millisecond it took. */
function drained(level: number, flow: number): { readonly left: number; readonly part: number } {
  if (level <= 0) return { left: 0, part: 0 };
  return level >= flow ? { left: level - flow, part: 1 } : { left: 0, part: level / flow };
}
