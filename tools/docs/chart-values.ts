/**
 * Chart values: the closed schema of what `helm/values.yaml` may say, and the defaults its templates ask for.
 *
 * The variables of the processes come out of their own configuration schemas; those that the chart sets itself, and
 * secrets, which are given by reference, are not among them. The shape around them stands here, and the meaning
 * of each value in the comment above it in `helm/values.yaml`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TProperties } from 'typebox';
import { busProperties } from '#bus/config.ts';
import { GatewayConfig } from '#gateway/config.ts';
import { RouterConfig } from '#router/config.ts';
import { expectation, type JsonSchema } from '#runtime/config.ts';
import { logProperties } from '#runtime/log.ts';

type Schema = { readonly [keyword: string]: unknown };
type Shape = { readonly [name: string]: Schema };

/** Set by the chart out of other values. */
const setByChart = new Set([
  ...['NATS_URL', 'NATS_CREDS_FILE', 'NATS_TLS_CA_FILE'],
  ...['GATEWAY_HOST', 'GATEWAY_PORT', 'GATEWAY_OPS_HOST', 'GATEWAY_OPS_PORT', 'GATEWAY_DRAIN_MS'],
  ...['GATEWAY_URL', 'GATEWAY_PRIORITY_URL', 'GATEWAY_PRIORITY_PORT'],
  ...['GATEWAY_TLS_CERT_FILE', 'GATEWAY_TLS_KEY_FILE', 'ROUTER_OPS_HOST', 'ROUTER_OPS_PORT'],
  ...['AUTH_JWKS_URL', 'AUTH_PUBLIC_KEY_FILE', 'AUTH_ISSUER', 'AUTH_AUDIENCE'],
]);

/** Secrets that the templates take from the Secret at `secret.name`. */
const secretsByReference = ['AUTH_HMAC_SECRET', 'SNOWSHED_SECRET', 'SNOWSHED_SECRET_PREVIOUS', 'TURN_SECRET'];

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const someText: Schema = { type: 'string', minLength: 1 };
/** What Kubernetes itself checks. */
const anyMap: Schema = { type: 'object' };
const texts: Schema = {
  type: 'object',
  additionalProperties: { type: ['string', 'number', 'boolean'] },
};
const listOf = (items: Schema): Schema => ({ type: 'array', items });
const word = (...words: string[]): Schema => ({ type: 'string', enum: words });
const whole = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
const orNull = (schema: Schema): Schema => ({ ...schema, type: [schema['type'], 'null'] });
/** A number of pods or a share of them, or null. */
const pods: Schema = {
  anyOf: [whole(0, 5_000), { type: 'string', pattern: '^[0-9]{1,3}%$' }, { type: 'null' }],
};

const duration: Schema = { type: 'string', pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' };
const path: Schema = { type: 'string', pattern: '^/' };
const address: Schema = { type: 'string', pattern: '^((https?|wss?)://[^\\s]+)?$', maxLength: 512 };
const key: Schema = { type: 'string', pattern: '^[-._a-zA-Z0-9]+$' };

/** What the Deployments of both processes share. */
const deployment: Shape = {
  podDisruptionBudget: closed({ enabled: flag, maxUnavailable: pods, minAvailable: pods }),
  spread: closed({
    zones: word('ScheduleAnyway', 'DoNotSchedule'),
    hosts: word('ScheduleAnyway', 'DoNotSchedule'),
  }),
  resources: anyMap,
  priorityClassName: text,
  nodeSelector: texts,
  tolerations: listOf(anyMap),
  affinity: anyMap,
  podLabels: texts,
  podAnnotations: texts,
  podPatch: anyMap,
};

/** Written out for the message: `keda.enabled` has to be false, where "not both" would name neither. */
const oneAutoscaler: Schema = {
  if: { properties: { hpa: { properties: { enabled: { const: true } } } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
  then: { properties: { keda: { properties: { enabled: { const: false } } } } },
};

const autoscaling: Schema = {
  ...closed({
    hpa: closed({ enabled: flag }),
    keda: closed({
      enabled: flag,
      prometheusAddress: { type: 'string', pattern: '^(https?://[^\\s]+)?$' },
      query: text,
      fallbackReplicas: orNull(whole(1, 5_000)),
      authenticationRef: anyMap,
    }),
    keepReplicas: flag,
    minReplicas: whole(1, 5_000),
    maxReplicas: whole(1, 5_000),
    connectionsPerGateway: whole(1, 1e9),
    scaleDown: closed({ stabilizationSeconds: whole(0, 3_600), secondsPerGateway: whole(1, 1_800) }),
  }),
  ...oneAutoscaler,
};

const gatewayValues: Shape = {
  replicas: orNull(whole(0, 5_000)),
  config: variables(GatewayConfig.properties, Object.keys(busProperties)),
  drainSeconds: whole(0, 3_600),
  preStopSeconds: whole(0, 600),
  marginSeconds: whole(1, 600),
  terminationGracePeriodSeconds: orNull(whole(1, 86_400)),
  minReadySeconds: orNull(whole(0, 86_400)),
  tls: closed({ secret: text }),
  priority: closed({ enabled: flag, port: whole(1, 65_535), url: address, hostnames: listOf(someText) }),
  ownAddress: closed({ url: address, hostPort: flag }),
  autoscaling,
  service: closed({
    type: word('ClusterIP', 'NodePort', 'LoadBalancer'),
    port: whole(1, 65_535),
    annotations: texts,
    externalTrafficPolicy: word('Local', 'Cluster'),
    loadBalancerClass: text,
    loadBalancerSourceRanges: listOf(text),
  }),
  httpRoute: closed({
    ...{ enabled: flag, annotations: texts, parentRefs: listOf(anyMap), hostnames: listOf(someText), path },
    timeouts: closed({ request: duration, backendRequest: duration }),
    filters: listOf(anyMap),
  }),
  ingress: closed({
    ...{ enabled: flag, className: text, annotations: texts, hosts: listOf(someText), path },
    tls: listOf(closed({ secretName: text, hosts: listOf(someText) })),
  }),
  ...deployment,
};

const routerValues: Shape = {
  replicas: whole(0, 5_000),
  config: variables(RouterConfig.properties, Object.keys(busProperties)),
  minReadySeconds: whole(0, 3_600),
  terminationGracePeriodSeconds: whole(1, 3_600),
  ...deployment,
};

const natsValues: Shape = {
  url: { type: 'string', pattern: '^((nats|tls)://[^\\s,]+(,\\s*(nats|tls)://[^\\s,]+)*)?$' },
  credentials: closed({ secret: text, key }),
  tls: closed({ ca: closed({ secret: text, configMap: text, key }) }),
  bundled: closed({
    enabled: flag,
    image: someText,
    storage: closed({ size: { type: 'string', pattern: '^[0-9]+([KMGTP]i?)?$' }, className: text }),
    tls: closed({ secret: text }),
    resources: anyMap,
  }),
};

const monitoringValues: Shape = {
  ...{ labels: texts, interval: duration, timeout: duration },
  podMonitor: closed({ enabled: flag }),
  serviceMonitor: closed({ enabled: flag }),
  prometheusRule: closed({ enabled: flag, runbooks: text }),
  dashboards: closed({
    ...{ enabled: flag, label: someText, labelValue: text, folderAnnotation: someText, folder: text },
  }),
};

const values: Shape = {
  ...{ nameOverride: text, fullnameOverride: text, commonLabels: texts, commonAnnotations: texts },
  listenAddress: someText,
  image: closed({
    repository: someText,
    tag: text,
    digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
    pullPolicy: word('IfNotPresent', 'Always', 'Never'),
    pullSecrets: listOf(closed({ name: someText })),
  }),
  serviceAccount: closed({ create: flag, name: text, annotations: texts }),
  secret: closed({ name: text, revision: text, check: flag }),
  auth: closed({
    jwksUrl: { type: 'string', pattern: '^(https?://[^\\s/?#@]+([/?#][^\\s]*)?)?$' },
    publicKey: closed({ secret: text, configMap: text, key }),
    ...{ hmac: flag, issuer: text, audience: text },
  }),
  nats: closed(natsValues),
  config: variables({ ...busProperties, ...logProperties }, []),
  gateway: closed(gatewayValues),
  router: closed(routerValues),
  networkPolicy: closed({
    ...{ enabled: flag, clients: listOf(anyMap), scrapers: listOf(anyMap) },
    ...{ gatewayEgress: listOf(anyMap), routerEgress: listOf(anyMap) },
  }),
  monitoring: closed(monitoringValues),
  tests: closed({ enabled: flag, tokens: closed({ secret: text }) }),
  extraObjects: listOf({ type: ['object', 'string'] }),
};

/** `helm/values.schema.json`. */
export function chartSchemaText(root: string): string {
  const meanings = commentsOf(readFileSync(join(root, 'helm', 'values.yaml'), 'utf8'));
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart snowshed',
    ...(described(closed({ ...values, global: anyMap }), meanings, []) as Schema),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** `helm/config-defaults.json`: what a variable is worth that nobody gave, for the checks of the chart. */
export function chartDefaultsText(): string {
  const properties: TProperties = { ...GatewayConfig.properties, ...RouterConfig.properties };
  const defaults = Object.entries(properties)
    .map(([name, property]) => [name, (property as JsonSchema).default] as const)
    .filter(([name, value]) => typeof value === 'number' && !setByChart.has(name));
  return `${JSON.stringify(Object.fromEntries(defaults), undefined, 2)}\n`;
}

function closed(properties: Shape): Schema {
  return { type: 'object', properties, additionalProperties: false };
}

/** The variables of a process that may be given as they are. */
function variables(properties: TProperties, elsewhere: readonly string[]): Schema {
  const given = Object.entries(properties).filter(([name, property]) => {
    const secret = (property as JsonSchema).writeOnly === true;
    if (secret) assert(secretsByReference.includes(name), `the chart has no way to give the secret ${name}`);
    return !secret && !setByChart.has(name) && !elsewhere.includes(name);
  });
  return closed(Object.fromEntries(given.map(([name, property]) => [name, variable(property)])));
}

function variable(property: TProperties[string]): Schema {
  const { title: _, default: fallback, ...schema } = JSON.parse(JSON.stringify(property));
  const has = fallback === undefined ? 'Not set by default' : `Default: ${fallback}`;
  return { ...schema, description: `${schema.description} ${has}; ${expectation(property)}.` };
}

/** The schema with the comments of the values file as descriptions. */
function described(schema: Schema, meanings: ReadonlyMap<string, string>, at: readonly string[]): Schema {
  const description = meanings.get(at.join('.')) ?? schema['description'];
  const inner = schema['properties'] as Shape | undefined;
  const properties =
    inner &&
    Object.fromEntries(
      Object.entries(inner).map(([name, one]) => [name, described(one, meanings, [...at, name])]),
    );
  return { ...(description !== undefined && { description }), ...schema, ...(properties && { properties }) };
}

/** The comments of a values file that begin with `--`, by the path of the value below them. */
export function commentsOf(yaml: string): ReadonlyMap<string, string> {
  const said = linesOf(yaml).filter(({ comment }) => comment !== undefined);
  return new Map(said.map(({ path, comment = '' }) => [path, comment]));
}

/** The paths of all values of a values file, those within empty maps and lists left out. */
export function pathsOf(yaml: string): readonly string[] {
  return linesOf(yaml).map(({ path }) => path);
}

function linesOf(yaml: string): readonly { readonly path: string; readonly comment: string | undefined }[] {
  const at: string[] = [];
  let comment: string | undefined;
  return yaml.split('\n').flatMap((line) => {
    const [, said] = /^ *# -- (.+)$/.exec(line) ?? [];
    const [, indent, name] = /^((?: {2})*)([A-Za-z]\w*):/.exec(line) ?? [];
    if (said !== undefined) comment = said;
    if (indent === undefined || name === undefined) return [];
    at.splice(indent.length / 2, at.length, name);
    const found = { path: at.join('.'), comment };
    comment = undefined;
    return [found];
  });
}
