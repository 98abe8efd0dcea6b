/**
 * Door costs' text: the section of `docs/benchmarks.md` that says what letting in and refusing cost a gateway.
 *
 * A run without it keeps the section as it stands. Pure.
 */

import { spreadText, tableText, type Unit } from '../bench/figure.ts';
import { spreadOf } from '../bench/spread.ts';
import { type DoorCosts, ways } from './costs.ts';

export interface DoorCostsRun {
  readonly costs: DoorCosts;
  readonly clients: number;
  readonly waiting: number;
  readonly day: string;
  readonly loadBefore: number;
}

const begin = '<!-- door: written by npm run bench -- --only door -->';
const end = '<!-- end of door -->';
const section = new RegExp(`${begin}.*${end}`, 's');

/** The section of a page that was written earlier; empty where it has none. */
export function doorSection(page: string): string {
  return section.exec(page)?.[0] ?? '';
}

/** The page with this section in the place of its own, or at its end. */
export function withDoorSection(page: string, text: string): string {
  if (text === '' || doorSection(page) === text) return page;
  // A function, since `$` in a replacement means something.
  if (section.test(page)) return page.replace(section, () => text);
  return `${page.trimEnd()}\n\n${text}\n`;
}

export function doorTable({ plain, tls, refusedMicros }: DoorCosts): string {
  const told = (values: readonly number[], unit: Unit) =>
    values.length === 0 ? 'not measured' : spreadText(spreadOf(values), unit);
  const kiloBytes = (bytes: readonly number[]) =>
    told(
      bytes.map((it) => it / 1_000),
      'kB',
    );
  const micros = (values: readonly number[]) => told(values, 'µs');
  const both = micros(refusedMicros);
  return tableText(
    ['of one client', 'plain', 'TLS 1.3 at the gateway'],
    [
      ['refused by the kernel, both ends', both, both],
      ...ways.map((way) => [way, micros(plain.micros[way]), micros(tls.micros[way])]),
      ['a socket that is open and waits', kiloBytes(plain.waitingBytes), kiloBytes(tls.waitingBytes)],
    ],
  );
}

/** What gateways believe of themselves, and the simulation counts with: `gateway/door/costs.json`. */
export function doorCostsFile({ costs: { plain, tls, refusedMicros }, day }: DoorCostsRun): string {
  const median = (values: readonly number[]) => Math.round(10 * spreadOf(values).median) / 10;
  const medians = ({ micros }: DoorCosts['plain']) =>
    Object.fromEntries(ways.map((way) => [way, median(micros[way])]));
  const refused = refusedMicros.length > 0 && { refusedBothEnds: median(refusedMicros) };
  return `${JSON.stringify({ day, ...refused, plain: medians(plain), tls: medians(tls) }, undefined, 2)}\n`;
}

export function doorText({ costs, clients, waiting, day, loadBefore }: DoorCostsRun): string {
  return `${begin}
## Letting in, and refusing

Written by \`npm run bench -- --only door\` on ${day}, load of the machine before it ${loadBefore.toFixed(1)}. What one client takes of
a real gateway: processor time of its process, less what it takes with nothing to do, and memory.

${doorTable(costs)}

- ${costs.plain.micros.upgrade.length} rounds of ${clients} clients, 64 on their way at any moment; the median, with the least and the greatest.
- *Refused by the kernel*: nobody listens. Processor time of both ends, making and closing the client's socket taken off; the
  server's part is a third of it ([what a refusal costs](adr/0011-what-a-refusal-costs.md)).
- *Close after accept*: over \`GATEWAY_SOCKETS_MAX\`. *503*: over \`GATEWAY_FLOWS_MAX\`, in answer to the upgrade. *Refusal after
  opening*: the signature of the token in \`hello\` is wrong. *Resume* and *fresh*: until \`welcome\`, attached; router and NATS not counted.
- What the kernel does for packets that arrive, it does on loopback in the name of who sent them. So a few microseconds of
  every exchange stand in the client's account, and as many of the client's in the gateway's.
- *Waits*: upgraded, no \`hello\` yet, ${waiting} at once on a gateway that had none before; the kernel's own memory for the socket is not in it.
${end}`;
}
