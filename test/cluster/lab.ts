/** Lab: a control plane of Kubernetes with nodes that run nothing, for one test file, and what tests ask of it. */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chartFolder,
  type Helm,
  type KubeObject,
  type Outcome,
  output,
  root,
  run,
  toolPath,
  toolsFolder,
} from './chart.ts';

export interface Lab {
  kubectl(...args: readonly string[]): string;
  /** As `kubectl`, whatever it ends with. */
  tryKubectl(...args: readonly string[]): Outcome;
  apply(...objects: readonly KubeObject[]): void;
  get(namespace: string, what: string, ...args: readonly string[]): KubeObject;
  /** As `tryKubectl`, with a text on its standard input. */
  pipe(input: string, ...args: readonly string[]): Outcome;
  /** Posts an object to a path of the API. */
  post(path: string, body: object): Outcome;
  /** Runs Helm to its end, whatever that is. */
  helm(helm: Helm, args: readonly string[]): Outcome;
  /** As `helm`, while the test goes on. */
  helmMeanwhile(helm: Helm, args: readonly string[]): Promise<Outcome>;
  /** A namespace in which only restricted pods are let in, with what the trial values name. */
  namespace(name: string): void;
  stop(): void;
}

const POLL_MS = 200;

export function startLab(): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-lab-'));
  const script = join(root, 'tools', 'cluster-lab.sh');
  const kubeconfig = output('bash', [script, 'up', folder]).trim();
  const env = { KUBECONFIG: kubeconfig, HELM_CACHE_HOME: join(folder, 'helm') };
  const tryKubectl = (...args: readonly string[]) => run(toolPath('kubectl'), args, { env });
  const kubectl = (...args: readonly string[]) => output(toolPath('kubectl'), args, { env });
  const apply = (...objects: readonly KubeObject[]) => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    output(toolPath('kubectl'), ['apply', '--filename', '-'], { env, input });
  };
  kubectl('apply', '--server-side', '--filename', join(toolsFolder, 'crds'));
  return {
    kubectl,
    tryKubectl,
    apply,
    get: (namespace, what, ...args) =>
      JSON.parse(kubectl('--namespace', namespace, 'get', what, '--output', 'json', ...args)),
    pipe: (input, ...args) => run(toolPath('kubectl'), args, { env, input }),
    post: (path, body) =>
      run(toolPath('kubectl'), ['create', '--raw', path, '--filename', '-'], {
        env,
        input: JSON.stringify(body),
      }),
    helm: (helm, args) => run(toolPath(helm), args, { env }),
    helmMeanwhile: (helm, args) => inBackground(toolPath(helm), args, env),
    namespace(name) {
      const enforced = {
        'pod-security.kubernetes.io/enforce': 'restricted',
        'pod-security.kubernetes.io/warn': 'restricted',
      };
      apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: enforced } });
      apply(secret(name, 'snowshed', { SNOWSHED_SECRET: 'k'.repeat(48), AUTH_HMAC_SECRET: 'h'.repeat(48) }));
      // The namespace's own certificates come a moment later, and with them Helm knows that it may look.
      until(() => tryKubectl('--namespace', name, 'get', 'configmap', 'kube-root-ca.crt').status === 0);
    },
    stop() {
      output('bash', [script, 'down', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What every `helm install` and `upgrade` of these tests begins with: times short enough to wait for. */
export function release(
  act: 'install' | 'upgrade',
  namespace: string,
  ...values: readonly string[]
): readonly string[] {
  const quick = ['drainSeconds=1', 'preStopSeconds=1', 'marginSeconds=5'].map((value) => `gateway.${value}`);
  return [
    ...[act, 'edge', chartFolder, '--namespace', namespace, '--values', 'helm/ci/bundled-nats-values.yaml'],
    ...['--wait', '--timeout', '120s'],
    ...[...quick, 'router.minReadySeconds=1', ...values].flatMap((value) => ['--set', value]),
  ];
}

export function secret(namespace: string, name: string, texts: Readonly<Record<string, string>>): KubeObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: texts };
}

/** Volumes as a cluster would make them for the bundled NATS. */
export function volumes(...names: readonly string[]): readonly KubeObject[] {
  return names.map((name) => ({
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name } },
    spec: {
      ...{ capacity: { storage: '10Gi' }, accessModes: ['ReadWriteOnce'] },
      ...{ hostPath: { path: `/mnt/${name}` }, persistentVolumeReclaimPolicy: 'Retain' },
    },
  }));
}

/** Asks again until it holds. */
export function until(holds: () => boolean, msMax = 60_000): void {
  const endMs = Date.now() + msMax;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`did not come true in ${msMax} ms: ${holds}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
}

function inBackground(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (bytes) => {
      stdout += bytes;
    });
    child.stderr.on('data', (bytes) => {
      stderr += bytes;
    });
    child.on('error', reject).on('close', (status) => resolve({ status: status ?? -1, stdout, stderr }));
  });
}
