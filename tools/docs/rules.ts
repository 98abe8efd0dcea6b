/** Rules page: every rule that has an id, and the test that holds it; read off the tests themselves. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { table } from './markdown.ts';

const intro = `# Rules

<!-- Made from the names of the tests by \`npm run docs\`. -->

What the service and its SDK promise, rule by rule. A rule has an id, and the test that holds it begins with it; so this page is
the tests' own account. The promises P1 to P8 are explained in [architecture.md](../architecture.md).
`;

/** What the letters of an id stand for, in the order of the page. */
const areas: Readonly<Record<string, string>> = {
  P: 'Promises, held end to end by real processes',
  SESSION: 'Session: what one flow may do and is doing',
  RATE: 'Rates',
  CURSOR: 'Delivery: cursors at the gateway',
  REG: 'Registrations: how loss is noticed',
  DOOR: 'Door: who is admitted, and when',
  CAPACITY: 'Capacity: how fast a gateway sets up sessions',
  ADMISSION: 'Admission: spread and credits of the router tier',
  POLL: 'Long poll',
  RECONNECT: 'SDK: coming back',
  OUTBOX: 'SDK: what is sent and not yet acknowledged',
  CURSORS: 'SDK: cursors at the client',
  MEMORY: 'SDK: what is kept across a page’s reload',
  PLATFORM: 'SDK: what it asks of its platform',
  SDK: 'SDK as a whole',
};

export interface Rule {
  readonly ids: readonly string[];
  readonly text: string;
  readonly file: string;
}

const ruled = /\b(?:test|it|describe)\(\s*(['"`])((?:\[[A-Z]+-?\d+\])+) (.+?)\1,/g;

/** The rules in a test file: every test whose name begins with ids. */
export function rulesIn(source: string, file: string): Rule[] {
  return [...source.matchAll(ruled)].map(([, , ids = '', text = '']) => ({
    ids: [...ids.matchAll(/\[([A-Z]+-?\d+)\]/g)].map(([, id = '']) => id),
    text: text.replaceAll("\\'", "'"),
    file,
  }));
}

export function rulesPage(root: string): string {
  const files = globSync('**/*.ts', {
    cwd: root,
    exclude: (name) => name === 'node_modules' || name === 'dist',
  });
  const rules = files.sort().flatMap((file) => rulesIn(readFileSync(join(root, file), 'utf8'), file));
  const byArea = Map.groupBy(rules, ({ ids }) => areaOf(ids[0] ?? ''));
  const titles = { ...Object.fromEntries([...byArea.keys()].map((area) => [area, area])), ...areas };
  const sections = Object.entries(titles)
    .filter(([area]) => byArea.has(area))
    .map(([area, title]) => `## ${title}\n\n${rows(byArea.get(area) ?? [])}\n`);
  return `${intro}\n${sections.join('\n')}`;
}

function rows(rules: readonly Rule[]): string {
  const sorted = [...rules].sort((a, b) => numberOf(a) - numberOf(b));
  const cells = sorted.map(({ ids, text, file }) => [ids.join(' '), text, `[${file}](../../${file})`]);
  return table(['Id', 'Rule', 'Held by'], cells);
}

function areaOf(id: string): string {
  return id.replace(/-?\d+$/, '');
}

function numberOf({ ids }: Rule): number {
  return Number(/\d+$/.exec(ids[0] ?? '')?.[0] ?? 0);
}
