import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { helms, template } from './chart.ts';

const trial = ['--values', 'helm/ci/bundled-nats-values.yaml'];
const external = ['--values', 'helm/ci/external-nats-values.yaml'];
const set = (...values: readonly string[]) => values.flatMap((value) => ['--set', value]);

interface Bad {
  readonly what: string;
  readonly args: readonly string[];
  readonly says: readonly RegExp[];
}

/** What values contradict, said by the templates. */
const contradictions: readonly Bad[] = [
  {
    what: 'nothing at all: everything that is missing is said at once',
    args: [],
    says: [
      /nats\.url is empty/,
      /secret\.name is empty/,
      /none of auth\.jwksUrl, auth\.publicKey and auth\.hmac/,
    ],
  },
  {
    what: 'two ways to NATS',
    args: [...trial, ...set('nats.url=nats://nats:4222')],
    says: [/nats\.url and nats\.bundled\.enabled are both set/],
  },
  {
    what: 'credentials that the bundled NATS does not ask for',
    args: [...trial, ...set('nats.credentials.secret=x')],
    says: [/nats\.credentials\.secret is set, but/],
  },
  {
    what: 'two sources of keys',
    args: [...trial, ...set('auth.jwksUrl=https://issuer.example.org/jwks.json')],
    says: [/2 of auth\.jwksUrl, auth\.publicKey and auth\.hmac are set/],
  },
  {
    what: 'one key in two places',
    args: [...external, ...set('auth.jwksUrl=', 'auth.publicKey.secret=a', 'auth.publicKey.configMap=b')],
    says: [/auth\.publicKey\.secret and auth\.publicKey\.configMap are both set/],
  },
  {
    what: 'too small a grace period',
    args: [...trial, ...set('gateway.terminationGracePeriodSeconds=30')],
    says: [/gateway\.terminationGracePeriodSeconds \(30\) is less than .* \(35\)/],
  },
  {
    what: 'a rollout that does not wait for the handover',
    args: [...trial, ...set('gateway.minReadySeconds=5')],
    says: [/gateway\.minReadySeconds \(5\) is less than preStopSeconds \+ drainSeconds \(25\)/],
  },
  {
    what: 'fewer at most than at least',
    args: [...trial, ...set('gateway.autoscaling.hpa.enabled=true', 'gateway.autoscaling.maxReplicas=2')],
    says: [/minReplicas \(3\) is larger than gateway\.autoscaling\.maxReplicas \(2\)/],
  },
  {
    what: 'a target that no gateway can reach',
    args: [
      ...trial,
      ...set('gateway.autoscaling.hpa.enabled=true', 'gateway.autoscaling.connectionsPerGateway=15000'),
    ],
    says: [/connectionsPerGateway \(15000\) is not below gateway\.config\.GATEWAY_FLOWS_MAX \(15000\)/],
  },
  {
    what: 'several gateways that may go at once',
    args: [
      ...trial,
      ...set('gateway.autoscaling.hpa.enabled=true', 'gateway.autoscaling.scaleDown.stabilizationSeconds=60'),
    ],
    says: [/scaleDown\.stabilizationSeconds \(60\) is less than secondsPerGateway \(120\)/],
  },
  {
    what: 'KEDA without a Prometheus to ask',
    args: [...trial, ...set('gateway.autoscaling.keda.enabled=true')],
    says: [/gateway\.autoscaling\.keda\.prometheusAddress is empty/],
  },
  {
    what: 'a budget that lets no pod go',
    args: [
      ...trial,
      ...set('gateway.podDisruptionBudget.minAvailable=3', 'router.podDisruptionBudget.minAvailable=2'),
    ],
    says: [
      /gateway\.podDisruptionBudget\.minAvailable \(3\) leaves none of 3/,
      /router\.\S+ \(2\) leaves none of 2/,
    ],
  },
  {
    what: 'a budget that lets no pod go, said the other way round or as a share',
    args: [
      ...trial,
      ...set('gateway.podDisruptionBudget.maxUnavailable=0', 'router.podDisruptionBudget.minAvailable=100%'),
    ],
    says: [
      /gateway\.podDisruptionBudget\.maxUnavailable \(0\) leaves none of 3/,
      /router\.\S+\.minAvailable \(100%\) leaves none of 2/,
    ],
  },
  {
    what: 'a budget that says both',
    args: [
      ...trial,
      ...set('gateway.podDisruptionBudget.minAvailable=1', 'gateway.podDisruptionBudget.maxUnavailable=1'),
    ],
    says: [/gateway\.podDisruptionBudget\.minAvailable and maxUnavailable are both set/],
  },
  {
    what: 'a route that belongs nowhere, an Ingress without hosts',
    args: [...trial, ...set('gateway.httpRoute.enabled=true', 'gateway.ingress.enabled=true')],
    says: [/gateway\.httpRoute\.parentRefs is empty/, /gateway\.ingress\.hosts is empty/],
  },
  {
    what: 'a certificate for a host that is not served',
    args: ['--values', 'helm/ci/hpa-values.yaml', ...set('gateway.ingress.hosts[0]=other.example.org')],
    says: [/gateway\.ingress\.tls names the host signal\.example\.org/],
  },
  {
    what: 'a port for those in a call that nobody is told, and that is taken',
    args: [...trial, ...set('gateway.priority.enabled=true', 'gateway.priority.port=80')],
    says: [
      /gateway\.priority\.url is empty/,
      /gateway\.priority\.port and gateway\.service\.port are both 80/,
    ],
  },
  {
    what: 'one address for each gateway, and all the same',
    args: [...trial, ...set('gateway.ownAddress.url=wss://edge.example.org')],
    says: [/gateway\.ownAddress\.url \(wss:\/\/edge\.example\.org\) is the same for all/],
  },
  {
    what: 'every process scraped twice',
    args: [...trial, ...set('monitoring.podMonitor.enabled=true', 'monitoring.serviceMonitor.enabled=true')],
    says: [/monitoring\.podMonitor\.enabled and monitoring\.serviceMonitor\.enabled are both set/],
  },
  {
    what: 'variables that contradict one another',
    args: [
      ...trial,
      ...set('config.LOG_STREAMS=8', 'config.LOG_PARTITIONS=4', 'config.LOG_REPLICAS=5'),
      ...set('config.LOG_DEDUP_WINDOW_MS=60000', 'config.LOG_TTL_MAX_MS=30000'),
      ...set('gateway.config.AUTH_TOKEN_AGE_MS_MAX=2000000000', 'config.JOURNAL_TTL_MS=1000000'),
      ...set('router.config.ADMISSION_SPREAD_MS_MIN=5000', 'router.config.ADMISSION_SPREAD_MS_MAX=4000'),
    ],
    says: [
      /config\.LOG_STREAMS \(8\) is larger than config\.LOG_PARTITIONS \(4\)/,
      /config\.LOG_REPLICAS \(5\) is more than the 3 nodes/,
      /config\.LOG_DEDUP_WINDOW_MS \(60000\) is larger/,
      /AUTH_TOKEN_AGE_MS_MAX \(2000000000\) is larger than config\.JOURNAL_TTL_MS \(1000000\)/,
      /ADMISSION_SPREAD_MS_MIN \(5000\) is larger than router\.config\.ADMISSION_SPREAD_MS_MAX \(4000\)/,
    ],
  },
];

/** What single values may not be, said by the schema. */
const wrong: readonly Bad[] = [
  {
    what: 'autoscaler twice',
    args: [...trial, ...set('gateway.autoscaling.hpa.enabled=true', 'gateway.autoscaling.keda.enabled=true')],
    says: [/\/gateway\/autoscaling\/keda\/enabled/],
  },
  { what: 'a name that is not there', args: [...trial, ...set('gatway.replicas=3')], says: [/'gatway'/] },
  {
    what: 'a variable that is not there',
    args: [...trial, ...set('gateway.config.GATEWAY_OUTBOX=3')],
    says: [/\/gateway\/config/, /'GATEWAY_OUTBOX'/],
  },
  {
    what: 'a variable of routers at the gateways',
    args: [...trial, ...set('gateway.config.PRESENCE_GRACE_MS=3')],
    says: [/\/gateway\/config/, /'PRESENCE_GRACE_MS'/],
  },
  {
    what: 'a variable that the chart sets itself',
    args: [...trial, ...set('gateway.config.GATEWAY_PORT=80')],
    says: [/\/gateway\/config/, /'GATEWAY_PORT'/],
  },
  {
    what: 'a secret in the values',
    args: [...trial, ...set('gateway.config.SNOWSHED_SECRET=0123456789abcdef0123456789abcdef')],
    says: [/\/gateway\/config/, /'SNOWSHED_SECRET'/],
  },
  {
    what: 'a value past its bound',
    args: [...trial, ...set('gateway.config.GATEWAY_IDLE_MS=1')],
    says: [/\/gateway\/config\/GATEWAY_IDLE_MS/, /8,?000/],
  },
  {
    what: 'a text where a number stands',
    args: [...trial, ...set('gateway.drainSeconds=soon')],
    says: [/\/gateway\/drainSeconds/, /want integer/],
  },
  {
    what: 'an address that is none',
    args: [...external, ...set('nats.url=nats.bus.svc')],
    says: [/\/nats\/url/],
  },
  {
    what: 'an address that the processes do not speak to',
    args: [...external, ...set('nats.url=wss://nats.bus.svc')],
    says: [/\/nats\/url/],
  },
  {
    what: 'a word that is none of those known',
    args: [...trial, ...set('config.LOG_STORAGE=disk')],
    says: [/\/config\/LOG_STORAGE/],
  },
];

for (const helm of helms) {
  for (const [title, all] of Object.entries({ contradictions, wrong })) {
    describe(`${helm}, ${title}`, () => {
      for (const { what, args, says } of all) {
        test(what, () => {
          const { status, stderr } = template(helm, args);
          assert.notEqual(status, 0);
          for (const said of says) assert.match(stderr, said);
        });
      }
    });
  }
}
