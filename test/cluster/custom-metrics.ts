/**
 * Custom metrics: stands in for the adapter that gives Kubernetes the metrics of Prometheus.
 *
 * It answers `custom.metrics.k8s.io` as far as the controller of HorizontalPodAutoscalers asks: what is there, and the
 * value of one metric for each pod of a selection. The API server finds it through a Service that names this machine.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from './chart.ts';

export interface CustomMetrics {
  /** To be applied, so that the API server asks here. */
  readonly objects: readonly KubeObject[];
  close(): void;
}

const group = 'custom.metrics.k8s.io/v1beta1';
const resources = {
  ...{ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: group },
  resources: [
    {
      name: 'pods/gateway_connections',
      singularName: '',
      namespaced: true,
      kind: 'MetricValueList',
      verbs: ['get'],
    },
  ],
};

/** @param podsOf names of the pods that a label selector finds. @param perPod value of each of so many. */
export async function serveCustomMetrics(
  podsOf: (namespace: string, selector: string) => readonly string[],
  perPod: (pods: number) => number,
): Promise<CustomMetrics> {
  const server = createServer(certificate(), (request, response) => {
    const url = new URL(request.url ?? '/', 'https://localhost');
    const [, namespace] =
      /\/namespaces\/([^/]+)\/pods\/\*\/gateway_connections$/.exec(decodeURIComponent(url.pathname)) ?? [];
    const body =
      namespace === undefined ? resources : valuesOf(namespace, url.searchParams.get('labelSelector') ?? '');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  function valuesOf(namespace: string, selector: string): object {
    const pods = podsOf(namespace, selector);
    return valueList(namespace, pods, Math.round(perPod(pods.length)));
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    objects: objectsFor(port),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function valueList(namespace: string, pods: readonly string[], value: number): object {
  const items = pods.map((name) => ({
    describedObject: { kind: 'Pod', namespace, name, apiVersion: '/v1' },
    metricName: 'gateway_connections',
    timestamp: new Date().toISOString(),
    value: String(value),
    selector: null,
  }));
  return { kind: 'MetricValueList', apiVersion: group, metadata: {}, items };
}

function objectsFor(port: number): readonly KubeObject[] {
  const metadata = { name: 'custom-metrics', namespace: 'default' };
  const service = { ...metadata, port };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
    },
    {
      ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
      metadata: { name: 'v1beta1.custom.metrics.k8s.io' },
      spec: {
        ...{ group: 'custom.metrics.k8s.io', version: 'v1beta1', service },
        ...{ insecureSkipTLSVerify: true, groupPriorityMinimum: 100, versionPriority: 100 },
      },
    },
  ];
}

function certificate(): { readonly key: Buffer; readonly cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    const subject = ['-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], {
      stdio: 'ignore',
    });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
