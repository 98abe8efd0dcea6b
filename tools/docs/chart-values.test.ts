import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatewayConfig } from '#gateway/config.ts';
import { RouterConfig } from '#router/config.ts';
import { chartSchemaText, commentsOf, pathsOf } from './chart-values.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly description?: string;
}

const root = join(import.meta.dirname, '..', '..');
const valuesText = readFileSync(join(root, 'helm', 'values.yaml'), 'utf8');
const schema: Schema = JSON.parse(chartSchemaText(root));

test('values.yaml and its schema name the same values', () => {
  const named = pathsOf(valuesText).filter((path) => !path.includes('.resources.'));
  assert.deepEqual(inSchema(schema).toSorted(), named.toSorted());
});

test('the schema is closed wherever it names what may stand there', () => {
  const open = (one: Schema, at: string): readonly string[] => [
    ...(one.properties !== undefined && one.additionalProperties !== false ? [at] : []),
    ...Object.entries(one.properties ?? {}).flatMap(([name, inner]) => open(inner, `${at}.${name}`)),
  ];
  assert.deepEqual(open(schema, ''), []);
});

test('every variable of a process is given by name, set by the chart, or a secret given by reference', () => {
  const templates = ['gateway/deployment.yaml', 'router/deployment.yaml', '_helpers.tpl'].map((path) =>
    readFileSync(join(root, 'helm', 'templates', path), 'utf8'),
  );
  const { config, gateway, router } = schema.properties ?? {};
  const given = [config, gateway?.properties?.['config'], router?.properties?.['config']].flatMap((one) =>
    Object.keys(one?.properties ?? {}),
  );
  for (const { properties } of [GatewayConfig, RouterConfig]) {
    for (const name of Object.keys(properties)) {
      const set = templates.some((text) => new RegExp(`(- name: |"name" ")${name}\\b`).test(text));
      assert(given.includes(name) !== (set && name !== 'LOG_REPLICAS'), name);
    }
  }
});

test('a comment belongs to the value below it', () => {
  const yaml = '# -- A.\na:\n  b: 1\n  # -- C of A.\n  c:\n    # -- D.\n    d: {}\n# No meaning.\ne: 1\n';
  assert.deepEqual(Object.fromEntries(commentsOf(yaml)), { a: 'A.', 'a.c': 'C of A.', 'a.c.d': 'D.' });
  assert.deepEqual(pathsOf(yaml), ['a', 'a.b', 'a.c', 'a.c.d', 'e']);
});

/** All but the variables, which `values.yaml` leaves to their defaults, and what Helm adds for parent charts. */
function inSchema({ properties = {} }: Schema, at: readonly string[] = []): readonly string[] {
  return Object.entries(properties)
    .filter(([name]) => name !== 'global')
    .flatMap(([name, inner]) => {
      const path = [...at, name];
      return [path.join('.'), ...(name === 'config' ? [] : inSchema(inner, path))];
    });
}
