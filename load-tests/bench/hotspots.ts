/**
 * Hotspots: the functions of a CPU profile by the time spent in each itself.
 *
 * A profile is a tree of calls and a list of samples, each with the time since the last. What was called by
 * several counts together. Pure.
 */

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
}

/** As V8 writes it; see the Chrome DevTools Protocol, `Profiler.Profile`. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Hotspot {
  readonly name: string;
  readonly micros: number;
}

const idle = new Set(['(idle)', '(root)']);

/** Most first, without the time in which nothing ran. */
export function hotspots({ nodes, samples, timeDeltas }: CpuProfile): readonly Hotspot[] {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const micros = new Map<string, number>();
  samples.forEach((id, n) => {
    const name = names.get(id) ?? '?';
    if (!idle.has(name)) micros.set(name, (micros.get(name) ?? 0) + (timeDeltas[n] ?? 0));
  });
  return [...micros].map(([name, micros]) => ({ name, micros })).sort((a, b) => b.micros - a.micros);
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  if (url === '') return functionName === '' ? '(anonymous)' : functionName;
  return `${functionName === '' ? '(anonymous)' : functionName} ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`;
}
