/** Configuration page: every variable of every process, out of their schemas. */

import { IsOptional, type TProperties, type TSchema } from 'typebox';
import { AllInOneConfig, allInOneProperties } from '#all-in-one/config.ts';
import { busProperties } from '#bus/config.ts';
import { GatewayConfig, gatewayProperties } from '#gateway/config.ts';
import { doorProperties } from '#gateway/door/config.ts';
import { identityProperties } from '#gateway/identity/config.ts';
import { transportProperties } from '#gateway/transports/config.ts';
import { RouterConfig, routerProperties } from '#router/config.ts';
import { expectation, type JsonSchema } from '#runtime/config.ts';
import { logProperties } from '#runtime/log.ts';
import { table } from './markdown.ts';

const intro = `# Configuration

<!-- Made from the schemas in */config.ts by \`npm run docs\`. -->

Every process is configured by environment variables. One that is empty counts as not set; one that is wrong ends the start
with exit code 78 and a line on standard error for each, which never shows a value; a port that another program has ends it
with the same code and a line in the log. The processes are the **gateway**
(\`npm run gateway\`), the **router** (\`npm run router\`) and **all-in-one**, both and the log in one process (\`npm start\`),
which makes for itself what it is not given: the secrets, and, while no source of keys is named, tokens for the demo page.
`;

interface Group {
  readonly title: string;
  readonly text: string;
  readonly properties: TProperties;
}

const groups: readonly Group[] = [
  { title: 'Where clients connect', text: '', properties: transportProperties },
  {
    title: 'Who clients are',
    text: 'A gateway needs `SNOWSHED_SECRET` and exactly one source of keys. Tokens need `sub`, `iat` and `exp`.',
    properties: identityProperties,
  },
  { title: 'Gateway', text: '', properties: gatewayProperties },
  {
    title: 'The door',
    text: 'How a gateway takes in a crowd; see [avalanche](avalanche.md).',
    properties: doorProperties,
  },
  { title: 'Router', text: '', properties: routerProperties },
  {
    title: 'Bus and log',
    text: 'The same at every gateway and router. A stream that stands there with other settings is not touched: the process ends and says so.',
    properties: busProperties,
  },
  { title: 'Log lines', text: '', properties: logProperties },
  { title: 'All-in-one', text: 'What it takes in another way, or alone.', properties: allInOneProperties },
];

const processes: Readonly<Record<string, TProperties>> = {
  gateway: GatewayConfig.properties,
  router: RouterConfig.properties,
  'all-in-one': AllInOneConfig.properties,
};

export function configPage(): string {
  return [intro, ...groups.map(section)].join('\n');
}

function section({ title, text, properties }: Group): string {
  const rows = Object.entries(properties).map(([name, property]) => [
    `\`${name}\``,
    defaultOf(property),
    expectation(property),
    (property as JsonSchema).description ?? '',
  ]);
  const variables = table(['Variable', 'Default', 'Has to be', 'Meaning'], rows);
  const lines = [
    `## ${title}`,
    `Taken by: ${takers(properties).join(', ')}.${text === '' ? '' : ` ${text}`}`,
  ];
  return `${[...lines, variables].join('\n\n')}\n`;
}

function defaultOf(property: TSchema): string {
  const { default: value, writeOnly } = property as JsonSchema;
  if (value !== undefined) return `\`${value}\``;
  return `${IsOptional(property) ? 'not set' : '**required**'}${writeOnly === true ? ' (secret)' : ''}`;
}

/** The processes that take all of these variables, as they stand in the group. */
function takers(properties: TProperties): readonly string[] {
  return Object.keys(processes).filter((process) =>
    Object.keys(properties).every((name) => Object.hasOwn(processes[process]!, name)),
  );
}
