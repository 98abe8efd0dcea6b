/**
 * Page: `docs/storm.md`, one section per scenario, each written by the command that measured it.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { machineLines } from '../bench/machine.ts';
import type { ScenarioName } from './options.ts';
import type { Outcome } from './scenarios.ts';

const docs = join(import.meta.dirname, '..', '..', 'docs');

const titles: { readonly [name in ScenarioName]: string } = {
  drain: 'One gateway, half of them, all of them',
  naive: 'Beside what is usual',
  router: 'A router killed in mid-drain',
  nats: 'NATS away in mid-drain',
  stopped: 'A gateway stopped in mid-drain',
  overload: 'Overload that stays',
  abuse: 'Abuse',
};

const intro = `# The storm

Written by \`npm run storm -- --write\`: gateways of a real fleet are killed, and real clients come back.

Gateways are held down by a CPU quota of a control group, so that the drain is much longer than the patience of
clients: there servers without a door are at their worst. The clients run the SDK's own reconnect core over a TLS of their own, a full handshake each
time. The **optimum** is all necessary work over all CPU allowed: those lost, times what one who came back took of the gateways
in calm, earlier in the same run and held down as much, when 128 for each gateway were on their way at any moment, and the next
came as one was in: so the gateways have something to do all the time, and nobody is refused or comes in vain. What a gateway does besides (frames of those in
a call, beats, timers) is in that cost; the smaller the quota, the more of it that is. × are multiples of it. A run in
which the swarm or the machine was the bound does not count and says so. The simulation has the same numbers: clients, gateways, cost
and quota.
`;

export function writePage(outcome: Outcome, args: readonly string[]): void {
  const path = join(docs, 'storm.md');
  const page = existsSync(path) ? readFileSync(path, 'utf8') : intro;
  writeFileSync(path, withSection(page, outcome, args));
  for (const { name, svg } of outcome.pictures) {
    const target = join(docs, 'images', name);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, svg);
  }
}

function withSection(page: string, { scenario, text, played }: Outcome, args: readonly string[]): string {
  // One loss by itself stands beside the section of several.
  const losses = scenario === 'drain' ? played.flatMap(({ results }) => results) : [];
  const only = losses.length === 1 ? losses[0]!.drain.loss : undefined;
  const name = only === undefined ? scenario : `${scenario}-${only.name}`;
  const heading = only === undefined ? titles[scenario] : `By itself: ${only.title}`;
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const day = new Date().toISOString().slice(0, 10);
  // Where its JSON went is nobody else's concern.
  const shown = args.filter((arg, i) => arg !== '--json' && args[i - 1] !== '--json');
  const command = ['npm run storm --', ...shown].join(' ');
  const machine = machineLines().join('; ');
  const section = `${begin}\n## ${heading}\n\n\`${command}\`, ${day}; ${machine}.\n\n${text}\n${end}\n`;
  const from = page.indexOf(begin);
  if (from < 0) return `${page.trimEnd()}\n\n${section}`;
  const to = page.indexOf(end) + end.length + 1;
  return `${page.slice(0, from)}${section}${page.slice(to)}`;
}
