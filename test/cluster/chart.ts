/** Chart: the programs that check and render `helm/`, and what they are given. */

import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');
export const chartFolder = join(root, 'helm');
export const toolsFolder = join(root, '.tools', 'cluster');
/** The values that the chart is tried with, by their names. */
export const valuesFiles: readonly string[] = globSync('helm/ci/*-values.yaml', { cwd: root }).sort();

/** Both that are in use: Helm 4, and the last of Helm 3. */
export const helms = ['helm', 'helm3'] as const;
export type Helm = (typeof helms)[number];

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Path of a program that `tools/cluster-tools.sh` has fetched. */
export function toolPath(name: string): string {
  const path = join(toolsFolder, 'bin', name);
  if (!existsSync(path))
    throw new Error(`${name} is not there: run tools/cluster-tools.sh, or npm run test:cluster`);
  return path;
}

/** Runs a program to its end, whatever it ends with. */
export function run(program: string, args: readonly string[], { input, env }: Options = {}): Outcome {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...{ encoding: 'utf8', cwd: root, maxBuffer: 1e8, env: { ...process.env, ...env } },
    ...(input !== undefined && { input }),
  });
  if (error !== undefined) throw error;
  return { status: status ?? -1, stdout, stderr };
}

/** What a program prints; where it fails, an error with what it said. */
export function output(program: string, args: readonly string[], options?: Options): string {
  const { status, stdout, stderr } = run(program, args, options);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr || stdout}`);
  return stdout;
}

/** `helm template` of the chart, as release `edge` in namespace `calls`. */
export function template(helm: Helm, args: readonly string[]): Outcome {
  return run(toolPath(helm), ['template', 'edge', chartFolder, '--namespace', 'calls', ...args]);
}

/** One object of Kubernetes, as far as tests look into it. */
// biome-ignore lint/suspicious/noExplicitAny: a tree that tests look into.
export type KubeObject = any;

/** The objects that the chart makes of a values file. */
export function rendered(valuesFile: string, args: readonly string[] = []): readonly KubeObject[] {
  const yaml = output(toolPath('helm'), [
    ...['template', 'edge', chartFolder, '--namespace', 'calls', '--values', valuesFile],
    ...args,
  ]);
  return objectsIn(yaml);
}

/** The objects in a text of YAML documents. */
export function objectsIn(yaml: string): readonly KubeObject[] {
  const script = 'import json,sys,yaml; print(json.dumps([d for d in yaml.safe_load_all(sys.stdin) if d]))';
  const env = { PYTHONPATH: join(toolsFolder, 'py') };
  return JSON.parse(output('python3', ['-c', script], { input: yaml, env }));
}

export function only(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1) throw new Error(`${found.length} objects are ${kind}/${name}`);
  return found[0];
}
