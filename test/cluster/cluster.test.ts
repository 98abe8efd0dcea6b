import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { helms, type KubeObject, type Outcome, valuesFiles } from './chart.ts';
import { serveCustomMetrics } from './custom-metrics.ts';
import { type Lab, release, secret, startLab, until, volumes } from './lab.ts';

let lab: Lab;
before(() => {
  lab = startLab();
});
after(() => lab.stop());

const gateways = 'app.kubernetes.io/component=gateway';

for (const helm of helms) {
  const namespace = `calls-${helm}`;

  describe(`${helm}: a release lives and goes`, () => {
    before(() => {
      lab.namespace(namespace);
      lab.apply(...volumes(`${helm}-0`, `${helm}-1`, `${helm}-2`));
    });

    test('is not installed while a Secret is missing, lacks a key or is too short', () => {
      const install = (...values: readonly string[]) =>
        lab.helm(helm, release('install', namespace, ...values));
      refused(install('secret.name=other'), /secret\.name: there is no Secret other in the namespace calls-/);
      lab.apply(secret(namespace, 'short', { SNOWSHED_SECRET: 'tooshort' }));
      const said = install('secret.name=short');
      refused(said, /SNOWSHED_SECRET in the Secret short is shorter than 32 characters/);
      refused(said, /the Secret short has no key AUTH_HMAC_SECRET/);
      assert.doesNotMatch(said.stderr, /tooshort/);
      refused(
        install('gateway.tls.secret=snowshed'),
        /gateway\.tls\.secret: the Secret snowshed has no key tls\.crt/,
      );
      refused(
        install('auth.hmac=false', 'auth.publicKey.configMap=keys'),
        /auth\.publicKey\.configMap: there is no ConfigMap keys/,
      );
      assert.equal(lab.get(namespace, 'pods').items.length, 0);
    });

    test('is installed where only restricted pods are let in', () => {
      const { status, stdout, stderr } = lab.helm(helm, release('install', namespace));
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stderr, /PodSecurity/);
      assert.match(stdout, /helm test edge --namespace calls-/);
      const pods: readonly KubeObject[] = lab.get(namespace, 'pods').items;
      assert.deepEqual(
        ['gateway', 'router', 'nats'].map((part) => pods.filter((pod) => componentOf(pod) === part).length),
        [3, 2, 3],
      );
      for (const pod of pods) assert.equal(pod.spec.automountServiceAccountToken, false);
    });

    test('gateways and routers are spread over zones', () => {
      for (const part of ['gateway', 'router']) {
        const { items } = lab.get(namespace, 'pods', '--selector', `app.kubernetes.io/component=${part}`);
        const nodes = items.map((pod: KubeObject) => pod.spec.nodeName);
        assert.equal(new Set(nodes).size, items.length, `${part}: ${nodes}`);
      }
    });

    test('a rollout keeps three gateways ready, and those that go are told from those that stay', async () => {
      const before = podNames();
      const seen: KubeObject[][] = [];
      let over = false;
      const upgrade = lab
        .helmMeanwhile(helm, release('upgrade', namespace, 'gateway.config.GATEWAY_PING_MS=20000'))
        .finally(() => {
          over = true;
        });
      while (!over) {
        seen.push(endpoints());
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const { status, stderr } = await upgrade;
      assert.equal(status, 0, stderr);
      const ready = seen.map((all) => all.filter(({ conditions }) => conditions.ready).length);
      assert(Math.min(...ready) >= 3, `ready endpoints over time: ${ready}`);
      const going = seen.flat().filter(({ conditions }) => conditions.terminating);
      assert(going.length > 0, 'no endpoint was seen on its way out');
      for (const { conditions } of going) assert.equal(conditions.ready, false);
      until(() => podNames().every((name) => !before.includes(name)));
    });

    test('a rollback brings back what was', () => {
      const ping = () => variable(gatewayContainer(namespace), 'GATEWAY_PING_MS')?.value;
      assert.equal(ping(), '20000');
      done(
        lab.helm(helm, ['rollback', 'edge', '1', '--namespace', namespace, '--wait', '--timeout', '120s']),
      );
      assert.equal(ping(), undefined);
    });

    test('helm test runs the pod that two clients are in', () => {
      const { status, stdout, stderr } = lab.helm(helm, [
        'test',
        'edge',
        '--namespace',
        namespace,
        '--timeout',
        '60s',
      ]);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /TEST SUITE: +edge-snowshed-test-exchange/);
      assert.match(stdout, /Phase: +Succeeded/);
    });

    test('nothing but the volumes is left afterwards', () => {
      done(lab.helm(helm, ['uninstall', 'edge', '--namespace', namespace, '--wait', '--timeout', '120s']));
      const kinds =
        'deployment,statefulset,service,configmap,networkpolicy,poddisruptionbudget,serviceaccount,pod';
      const left = lab.get(namespace, kinds, '--selector', 'app.kubernetes.io/part-of=snowshed').items;
      assert.deepEqual(left, []);
      assert.equal(lab.get(namespace, 'persistentvolumeclaims').items.length, 3);
    });

    const podNames = (): readonly string[] =>
      lab
        .get(namespace, 'pods', '--selector', gateways)
        .items.filter(({ metadata }: KubeObject) => metadata.deletionTimestamp === undefined)
        .map(({ metadata }: KubeObject) => metadata.name);
    const endpoints = (): KubeObject[] =>
      lab
        .get(namespace, 'endpointslices', '--selector', 'kubernetes.io/service-name=edge-snowshed-gateway')
        .items.flatMap((slice: KubeObject) => slice.endpoints ?? []);
  });
}

test('an autoscaler that is turned on later does not stop all gateways but one', () => {
  const namespace = 'calls-later';
  lab.namespace(namespace);
  done(lab.helm('helm3', release('install', namespace, ...existingNats, 'gateway.replicas=5')));
  const upgrade = (...values: readonly string[]) =>
    lab.helm(
      'helm3',
      release('upgrade', namespace, ...existingNats, 'gateway.autoscaling.hpa.enabled=true', ...values),
    );
  refused(upgrade(), /set gateway\.autoscaling\.keepReplicas=true/);
  for (const pings of [20_000, 21_000]) {
    done(upgrade('gateway.autoscaling.keepReplicas=true', `gateway.config.GATEWAY_PING_MS=${pings}`));
    assert.equal(lab.get(namespace, 'deployment', 'edge-snowshed-gateway').spec.replicas, 5);
  }
});

describe('budgets', () => {
  const namespace = 'calls-budget';
  before(() => {
    lab.namespace(namespace);
    done(lab.helm('helm', release('install', namespace, ...existingNats)));
  });

  test('one gateway may be evicted, and no second one before the first is made up for', () => {
    const [first, second, third] = podsOf(namespace);
    assert.equal(evicted(first).status, 0);
    const refusal = evicted(second);
    assert.notEqual(refusal.status, 0);
    assert.match(refusal.stderr, /disruption budget|TooManyRequests/);
    until(() => evicted(third).status === 0);
  });

  test('a gateway that is not ready never holds up the draining of a node', () => {
    until(() => budget().currentHealthy === 3 && budget().disruptionsAllowed === 1);
    const [first, second] = podsOf(namespace);
    const condition = [{ type: 'Ready', status: 'False' }];
    const patch = JSON.stringify({ status: { conditions: condition } });
    lab.kubectl(
      '--namespace',
      namespace,
      'patch',
      'pod',
      first ?? '',
      '--subresource=status',
      '--patch',
      patch,
    );
    until(() => budget().disruptionsAllowed === 0);
    assert.notEqual(evicted(second).status, 0);
    assert.equal(evicted(first).status, 0);
  });

  const budget = () => lab.get(namespace, 'poddisruptionbudget', 'edge-snowshed-gateway').status;
  function evicted(pod: string | undefined): Outcome {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } };
    return lab.post(`/api/v1/namespaces/${namespace}/pods/${pod}/eviction`, body);
  }
});

test('an HPA follows the connections per gateway: up at once, down one at a time, and an upgrade leaves its number alone', async () => {
  const namespace = 'calls-scaled';
  let connections = 27_000;
  const numbers: number[] = [];
  const metrics = await serveCustomMetrics(
    (of, selector) => podsOf(of, selector),
    (pods) => connections / pods,
  );
  try {
    lab.namespace(namespace);
    lab.apply(...metrics.objects);
    const scaled = [
      ...[
        'hpa.enabled=true',
        'maxReplicas=12',
        'scaleDown.stabilizationSeconds=12',
        'scaleDown.secondsPerGateway=10',
      ],
    ].map((value) => `gateway.autoscaling.${value}`);
    done(lab.helm('helm', release('install', namespace, ...existingNats, ...scaled)));
    await reaches(3);
    connections = 54_000;
    await reaches(6);
    connections = 36_000;
    await reaches(4);
    const downwards = numbers.slice(numbers.lastIndexOf(6)).filter((n, i, all) => n !== all[i - 1]);
    assert.deepEqual(downwards, [6, 5, 4], `gateways over time: ${numbers}`);
    const upgraded = lab.helm(
      'helm',
      release('upgrade', namespace, ...existingNats, ...scaled, 'commonAnnotations.a=b'),
    );
    done(upgraded);
    assert.equal(replicas(), 4, 'after the upgrade');
  } catch (error) {
    throw new Error(`${JSON.stringify(lab.get(namespace, 'hpa').items[0]?.status)}`, { cause: error });
  } finally {
    metrics.close();
  }

  function replicas(): number {
    return lab.get(namespace, 'deployment', 'edge-snowshed-gateway').spec.replicas;
  }
  function reaches(wanted: number): Promise<void> {
    return comesTrue(() => {
      numbers.push(replicas());
      return numbers.at(-1) === wanted;
    });
  }
});

test('every values file is taken by the API server, without a warning', () => {
  lab.namespace('calls-all');
  for (const file of valuesFiles) {
    const yaml = lab.helm('helm', [
      ...['template', 'edge', 'helm', '--namespace', 'calls-all', '--values', file],
    ]).stdout;
    const { status, stderr } = lab.pipe(
      yaml,
      'apply',
      '--dry-run=server',
      '--validate=strict',
      '--filename',
      '-',
    );
    assert.equal(status, 0, `${file}: ${stderr}`);
    assert.equal(stderr, '', file);
  }
});

test('a pod that is not restricted is not let in: the namespaces of these tests do enforce it', () => {
  const { status, stderr } = lab.helm(
    'helm',
    release(
      'install',
      'calls-all',
      ...existingNats,
      'gateway.podPatch.spec.hostNetwork=true',
      'fullnameOverride=loose',
    ).map((arg) => (arg === '120s' ? '10s' : arg)),
  );
  assert.notEqual(status, 0, stderr);
  const [set] = lab.get('calls-all', 'replicasets', '--selector', gateways).items;
  assert.match(JSON.stringify(set.status.conditions), /violates PodSecurity \\"restricted:latest\\"/);
});

const existingNats = ['nats.bundled.enabled=false', 'nats.url=nats://nats.bus.svc:4222'];

function podsOf(namespace: string, selector: string = gateways): readonly string[] {
  return lab
    .get(namespace, 'pods', '--selector', selector)
    .items.filter(({ metadata }: KubeObject) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }: KubeObject) => metadata.name);
}

function gatewayContainer(namespace: string): KubeObject {
  return lab.get(namespace, 'deployment', 'edge-snowshed-gateway').spec.template.spec.containers[0];
}

function variable(container: KubeObject, name: string): KubeObject {
  return container.env.find((one: { readonly name: string }) => one.name === name);
}

function componentOf(pod: KubeObject): string {
  return pod.metadata.labels['app.kubernetes.io/component'];
}

function done({ status, stdout, stderr }: Outcome): void {
  assert.equal(status, 0, stderr || stdout);
}

function refused({ status, stderr }: Outcome, said: RegExp): void {
  assert.notEqual(status, 0);
  assert.match(stderr, said);
}

/** As `until`, while this process answers others. */
async function comesTrue(holds: () => boolean, msMax = 90_000): Promise<void> {
  const endMs = Date.now() + msMax;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`did not come true in ${msMax} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
