import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { AllInOneConfig } from '#all-in-one/config.ts';
import { GatewayConfig } from '#gateway/config.ts';
import { RouterConfig } from '#router/config.ts';
import { faults } from '#wire/faults.ts';
import { clientMessages, serverMessages } from '#wire/messages.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { configPage } from './config.ts';
import { faultsPage } from './faults.ts';
import { table } from './markdown.ts';
import { metricsPage } from './metrics.ts';
import { rulesIn } from './rules.ts';
import { type Json, yaml } from './yaml.ts';

const root = join(import.meta.dirname, '..', '..');

test('every variable of every process has its row', () => {
  const page = configPage();
  for (const config of [GatewayConfig, RouterConfig, AllInOneConfig]) {
    for (const name of Object.keys(config.properties)) assert(page.includes(`\n| \`${name}\` | `), name);
  }
  assert(!/\| {2}\|/.test(page), 'no variable goes without a meaning');
});

test('every fault has its row', () => {
  const page = faultsPage();
  for (const code of Object.keys(faults)) assert(page.includes(`\n| \`${code}\` | `), code);
});

test('the metrics of gateway, router and bus have their rows, with kind and labels', () => {
  const page = metricsPage();
  assert.match(page, /^\| `gateway_faults_total` \| counter \| `fault` \| \S.+ \|$/m);
  assert.match(page, /^\| `router_partitions_owned` \| gauge \| {2}\| \S.+ \|$/m);
  assert.match(page, /^\| `bus_connected` \| gauge \|/m);
});

test('the published protocol is what its YAML says, and has every message', () => {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-docs-'));
  const out = join(folder, 'asyncapi.json');
  try {
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
    const bundle = spawnSync('redocly', ['bundle', 'docs/asyncapi.yaml', '--output', out], {
      cwd: root,
      env,
    });
    assert.equal(bundle.status, 0, String(bundle.stderr));
    assert.deepEqual(JSON.parse(readFileSync(out, 'utf8')), asyncApiDocument());
  } finally {
    rmSync(folder, { recursive: true });
  }
  const { messages } = asyncApiDocument()['components'] as { messages: object };
  const types = Object.keys(messages);
  for (const type of Object.keys(clientMessages)) assert(types.includes(`client.${type}`), type);
  for (const type of Object.keys(serverMessages)) assert(types.includes(`server.${type}`), type);
});

test('YAML is block style with JSON texts', () => {
  const value = {
    a: { b: [1, 'x: y', [], {}, [true, null], { c: 1, d: { e: 2 } }] },
    $ref: '#/x',
    'p/q': '',
    on: -1.5,
  };
  assert.equal(
    yaml(value),
    `a:
  b:
    - 1
    - "x: y"
    - []
    - {}
    - - true
      - null
    - c: 1
      d:
        e: 2
$ref: "#/x"
"p/q": ""
"on": -1.5
`,
  );
});

test('each text of YAML stays on its line, whatever is in it', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string()), (texts) => {
      const lines = yaml(texts as Json)
        .trimEnd()
        .split('\n');
      assert.equal(lines.length, Math.max(1, Object.keys(texts).length));
    }),
  );
});

test('a cell of a table holds anything but a border', () => {
  assert.equal(table(['A', 'B'], [['x|y', 'p\nq']]), '| A | B |\n| --- | --- |\n| x\\|y | p q |');
});

test('the rules of a test file are read off the names of its tests', () => {
  const source = `test('[RATE-1] never more', () => {});\ntest('no rule', () => {});\nit(\n  "[P1][P2] it's kept",\n`;
  assert.deepEqual(rulesIn(source, 'a.test.ts'), [
    { ids: ['RATE-1'], text: 'never more', file: 'a.test.ts' },
    { ids: ['P1', 'P2'], text: "it's kept", file: 'a.test.ts' },
  ]);
});
