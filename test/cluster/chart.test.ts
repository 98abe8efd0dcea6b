import assert from 'node:assert/strict';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  chartFolder,
  helms,
  type KubeObject,
  objectsIn,
  only,
  output,
  rendered,
  root,
  run,
  template,
  toolPath,
  toolsFolder,
  valuesFiles,
} from './chart.ts';

const trial = ['--values', 'helm/ci/bundled-nats-values.yaml'];
const name = (path: string) => basename(path, '-values.yaml');

describe('what the chart renders', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'snowshed-chart-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  test('there are values to try it with', () => assert(valuesFiles.length >= 4));

  for (const file of valuesFiles) {
    test(`${name(file)}: passes helm lint --strict with Helm 4 and 3`, () => {
      for (const helm of helms) output(toolPath(helm), ['lint', '--strict', chartFolder, '--values', file]);
    });

    test(`${name(file)}: is the same with Helm 4 and 3, and what it was`, () => {
      const [four, three] = helms.map((helm) => template(helm, ['--values', file]));
      assert.equal(four?.status, 0, four?.stderr);
      assert.deepEqual(objectsIn(four.stdout), objectsIn(three?.stdout ?? ''));
      const path = join(root, 'test/cluster/golden', `${name(file)}.yaml`);
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, withoutContents(four.stdout));
      assert.equal(
        withoutContents(four.stdout),
        readFileSync(path, 'utf8'),
        'UPDATE_GOLDEN=1 writes it anew',
      );
    });

    test(`${name(file)}: is what Kubernetes and the operators take, and clean YAML`, () => {
      const path = join(folder, `${name(file)}.yaml`);
      writeFileSync(path, template('helm', ['--values', file]).stdout);
      const schemas = `${toolsFolder}/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json`;
      const options = ['-strict', '-summary', '-output', 'json', '-schema-location', schemas];
      const checked = run(toolPath('kubeconform'), [...options, path]);
      assert.equal(checked.status, 0, checked.stdout);
      const { valid, skipped } = JSON.parse(checked.stdout).summary;
      assert(valid > 10 && skipped === 0, checked.stdout);
      yamllint(path);
    });
  }

  test('what stands here as YAML is clean', () => {
    yamllint(
      'helm/Chart.yaml',
      'helm/values.yaml',
      'helm/ci',
      'test/cluster/golden',
      '.github',
      '.yamllint.yaml',
    );
  });

  test('kubeconform would see a field that does not exist', () => {
    const path = join(folder, 'wrong.yaml');
    const yaml = template('helm', trial).stdout.replace('maxUnavailable: 1\n', 'maxUnavailble: 1\n');
    writeFileSync(path, yaml);
    const schemas = `${toolsFolder}/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json`;
    const checked = run(toolPath('kubeconform'), ['-strict', '-schema-location', schemas, path]);
    assert.match(checked.stdout, /maxUnavailble/);
  });

  test('the README is what helm-docs makes of the values', () => {
    const made = output(toolPath('helm-docs'), [
      '--chart-search-root',
      'helm',
      '--dry-run',
      '--log-level',
      'warning',
    ]);
    const readme = readFileSync(join(chartFolder, 'README.md'), 'utf8');
    assert.equal(
      readme.trim(),
      made.trim(),
      '.tools/cluster/bin/helm-docs --chart-search-root helm writes it anew',
    );
  });

  test('the Dockerfile and the workflow are clean', () => {
    output(toolPath('hadolint'), ['--config', '.hadolint.yaml', 'Dockerfile']);
    output(toolPath('actionlint'), ['.github/workflows/release.yaml']);
  });

  test('the version of the application is that of the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    assert.match(
      readFileSync(join(chartFolder, 'Chart.yaml'), 'utf8'),
      new RegExp(`^appVersion: ${version}$`, 'm'),
    );
  });
});

describe('the gateways', () => {
  const gateway = (args: readonly string[], file = 'helm/ci/bundled-nats-values.yaml') =>
    only(rendered(file, args), 'Deployment', 'edge-snowshed-gateway').spec;

  test('the time a pod has to go is what it needs, and a rollout waits for the handover', () => {
    const { template, minReadySeconds, strategy } = gateway(['--set', 'gateway.drainSeconds=60']);
    assert.equal(template.spec.terminationGracePeriodSeconds, 5 + 60 + 10);
    assert.equal(minReadySeconds, 5 + 60);
    assert.deepEqual(strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });
    const [container] = template.spec.containers;
    assert.deepEqual(container.lifecycle, { preStop: { sleep: { seconds: 5 } } });
    assert.deepEqual(variable(container, 'GATEWAY_DRAIN_MS'), { name: 'GATEWAY_DRAIN_MS', value: '60000' });
  });

  test('a process whose loop stands still is restarted after as long as its runbook says', () => {
    const { template } = gateway([]);
    const { periodSeconds, failureThreshold } = template.spec.containers[0].livenessProbe;
    assert.equal(periodSeconds * failureThreshold, 60);
    const runbook = readFileSync(join(root, 'docs', 'runbooks', 'SnowshedEventLoopLate.md'), 'utf8');
    assert.match(runbook, /stands still for a minute/);
  });

  test('operators run their commands in a pod that a runbook names, as the release of the runbooks calls it', () => {
    const runbook = readFileSync(join(root, 'docs', 'runbooks', 'avalanche.md'), 'utf8');
    const [, deployment = '', command = ''] =
      /kubectl --namespace calls exec deployment\/(\S+) -- node (\S+)/.exec(runbook) ?? [];
    const { template } = only(rendered('helm/ci/bundled-nats-values.yaml'), 'Deployment', deployment).spec;
    assert.match(variable(template.spec.containers[0], 'NATS_URL').value, /^nats:/);
    assert(existsSync(join(root, command)), command);
  });

  test('an autoscaler alone says how many there are', () => {
    assert.equal(gateway([]).replicas, 3);
    assert(!('replicas' in gateway(['--set', 'gateway.replicas=null'])));
    assert(!('replicas' in gateway([], 'helm/ci/hpa-values.yaml')));
    assert(!('replicas' in gateway([], 'helm/ci/keda-values.yaml')));
  });

  test('numbers stay whole numbers, and annotations texts', () => {
    const objects = rendered('helm/ci/external-nats-values.yaml');
    const deployment = only(objects, 'Deployment', 'edge-snowshed-gateway');
    const [container] = deployment.spec.template.spec.containers;
    assert.equal(variable(container, 'LOG_BYTES_MAX').value, '107374182400');
    const { annotations } = only(objects, 'Service', 'edge-snowshed-gateway').metadata;
    assert.equal(annotations['example.org/enabled'], 'true');
    assert.equal(annotations['example.org/number'], '1073741824');
  });

  test('a patch goes into containers and variables by their names, and null takes away', () => {
    const { template } = gateway([], 'helm/ci/keda-values.yaml');
    const [container, beside] = template.spec.containers;
    assert.equal(variable(container, 'NODE_OPTIONS').value, '--max-old-space-size=1536');
    assert.equal(variable(container, 'GATEWAY_PORT').value, '7600');
    assert.equal(container.livenessProbe.periodSeconds, 30);
    assert.equal(container.livenessProbe.failureThreshold, 6);
    assert.equal(beside.name, 'beside');
    const bare = gateway(['--set-json', 'gateway.podPatch={"spec":{"securityContext":null}}']);
    assert(!('securityContext' in bare.template.spec) && bare.template.spec.containers.length === 1);
  });

  test('changing the revision of the secret changes the pods, and nothing else does so by itself', () => {
    const [one, two, three] = ['a', 'a', 'b'].map((revision) =>
      gateway(['--set', `secret.revision=${revision}`]),
    );
    assert.deepEqual(one.template, two.template);
    assert.notDeepEqual(one.template, three.template);
  });
});

test('without anybody who may read metrics, nobody comes to the operations ports', () => {
  const policies = (args: readonly string[]) =>
    rendered('helm/ci/bundled-nats-values.yaml', args).filter(({ kind }) => kind === 'NetworkPolicy');
  const open = (args: readonly string[]) =>
    policies(args).filter(({ spec }) => JSON.stringify(spec.ingress).includes('"operations"'));
  assert.equal(open([]).length, 2);
  const none = ['--set-json', 'networkPolicy.scrapers=[]'];
  assert.deepEqual(open(none), [], 'a rule from nobody lets everybody in');
  for (const { spec } of policies(none)) assert(Array.isArray(spec.ingress));
});

test('no secret is in what is rendered: they are named', () => {
  for (const file of valuesFiles) {
    const objects = rendered(file);
    assert(!objects.some(({ kind }) => kind === 'Secret'), file);
    for (const container of containersIn(objects)) {
      for (const { name, value } of container.env ?? []) {
        if (/SECRET|TOKEN/.test(name)) assert.equal(value, undefined, name);
      }
    }
  }
});

test('the tests of the k6 operator go to a Service and a port that a release named snowshed has', () => {
  const args = ['template', 'snowshed', chartFolder, '--values', 'helm/ci/bundled-nats-values.yaml'];
  const objects = objectsIn(output(toolPath('helm'), args));
  for (const path of globSync('load-tests/k6-operator/*.yaml', { cwd: root })) {
    const [testRun] = objectsIn(readFileSync(join(root, path), 'utf8'));
    const url = new URL(variable(testRun.spec.runner, 'URLS').value);
    const { ports } = only(objects, 'Service', url.hostname).spec;
    assert(
      ports.some(({ name, port }: KubeObject) => name === 'clients' && port === Number(url.port || 80)),
      path,
    );
  }
});

test('dashboards and alerts are mounted as they are', () => {
  const objects = rendered('helm/ci/external-nats-values.yaml');
  const boards = objects.filter(({ metadata }) => metadata.labels.grafana_dashboard === '1');
  assert(boards.length > 0);
  for (const { metadata, data } of boards) {
    const [[file, text] = ['', '']] = Object.entries<string>(data);
    assert.deepEqual(
      JSON.parse(text),
      JSON.parse(readFileSync(join(chartFolder, 'dashboards', file), 'utf8')),
    );
    assert.equal(metadata.annotations.grafana_folder, 'Snowshed');
  }
  const { spec } = only(objects, 'PrometheusRule', 'edge-snowshed');
  const written = readFileSync(join(chartFolder, 'alerts', 'snowshed.yaml'), 'utf8');
  // Where one Prometheus watches several, the gateways of another namespace do not hide that those of this one are gone.
  assert.match(written, /absent\(gateway_sockets\)/);
  const [alerts] = objectsIn(written.replace(/absent\((\w+)\)/g, `absent($1{namespace='calls'})`));
  assert.deepEqual(spec.groups, alerts.groups);
});

function yamllint(...paths: readonly string[]): void {
  const args = ['-m', 'yamllint', '--strict', '--config-file', '.yamllint.yaml', ...paths];
  output('python3', args, { env: { PYTHONPATH: join(toolsFolder, 'py') } });
}

/** Boards and alerts have tests of their own, and would make every change to them one of these files too. */
function withoutContents(yaml: string): string {
  return yaml
    .replace(/(\n {2}[-\w]+\.json: \|\n)(?: {4}.*\n| *\n)+/g, '$1    …\n')
    .replace(/(kind: PrometheusRule\n(?:.*\n)*?spec:\n {2}groups:\n)(?: {4}.*\n)+/g, '$1    …\n');
}

function containersIn(objects: readonly KubeObject[]): readonly KubeObject[] {
  return objects.flatMap(({ kind, spec }) => {
    if (kind === 'Pod') return spec.containers;
    return spec?.template?.spec?.containers ?? [];
  });
}

function variable(container: KubeObject, name: string): KubeObject {
  return container.env.find((one: { readonly name: string }) => one.name === name);
}
