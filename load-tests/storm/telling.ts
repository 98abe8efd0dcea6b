/**
 * Telling: what a storm says of itself while it runs, and its figures in words.
 */

import type { Calm, DoorCounts, Drain } from './acts.ts';
import type { Result } from './drains.ts';

export function tell(line: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${line}\n`);
}

/** One line, written over on a terminal; elsewhere a new one each ten seconds. */
export function progress(what: string): (line: string) => void {
  const { isTTY } = process.stderr;
  const startMs = performance.now();
  let toldMs = 0;
  return (line) => {
    if (performance.now() - toldMs < (isTTY ? 250 : 10_000)) return;
    toldMs = performance.now();
    const text = `${what}, ${((toldMs - startMs) / 1_000).toFixed(0)} s: ${line}`;
    process.stderr.write(isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  };
}

export function calmText({ costMicros, behindMicros, idleCores, setUps, usedShare }: Calm): string {
  return `calm: ${costMicros.toFixed(0)} µs of the gateways per set-up, ${behindMicros.toFixed(0)} µs behind them (${setUps} set-ups, ${(100 * usedShare).toFixed(0)} % of the CPU allowed used); idle ${(100 * idleCores).toFixed(1)} % of a core`;
}

export function verdictText({ drain, verdict }: Result): string {
  const { episode, spreadTold } = drain;
  const times = (ms: number | undefined) =>
    ms === undefined ? 'never' : `${(ms / verdict.optimumMs).toFixed(3)} × (${seconds(ms)})`;
  return [
    `${drain.loss.title}: ${verdict.lost} lost, optimum ${seconds(verdict.optimumMs)}`,
    `  99 % back ${times(verdict.backMs99)}, all back ${times(verdict.backMsAll)}, ${(100 * verdict.backShare).toFixed(2)} % back; ${verdict.attempts.toFixed(2)} attempts`,
    `  ${verdict.inCall} in a call: 99 % ${seconds(verdict.inCallMs99)}, all ${seconds(verdict.inCallMsAll)}`,
    `  gateways used ${(100 * verdict.usedShare).toFixed(0)} % of what they may, ${verdict.costMicros.toFixed(0)} µs per set-up; swarm ${verdict.swarmCores.toFixed(2)} cores, ${verdict.swarmLateMs.toFixed(0)} ms late at worst; machine idle ${verdict.machineIdleCores.toFixed(2)} cores${verdict.bounded === undefined ? '' : `; DOES NOT COUNT: ${verdict.bounded}`}`,
    `  spread told ${spreadTold.gatewayMs}/${spreadTold.fleetMs} ms; time-outs ${episode.openTimeouts} once open, ${episode.handshakeTimeouts} before; ${drain.waitsTold} waits told, ${episode.sentOn} sent on; largest gateway ${(drain.bytesBefore / 1e6).toFixed(0)} → ${(drain.bytesMax / 1e6).toFixed(0)} MB; ${JSON.stringify(drain.faults)}`,
    `  ${doorText(drain.door, setUpsOf(drain))}`,
  ].join('\n');
}

/** What a set-up cost beside itself. */
export function doorText(door: DoorCounts, setUps: number): string {
  return `the doors accepted ${(door.arrivals / Math.max(1, setUps)).toFixed(2)} connections per set-up, closed ${door.dropped} at once, and stopped listening ${door.stops} times`;
}

export function setUpsOf({ episode }: Drain): number {
  return episode.setUp.reduce((sum, count) => sum + count, 0);
}

export function seconds(ms: number | undefined): string {
  return ms === undefined || ms === Number.POSITIVE_INFINITY
    ? 'never'
    : `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
