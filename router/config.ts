/**
 * Router configuration: every variable of a router, with default, bounds and meaning.
 *
 * `docs/config.md` is generated from it.
 */

import Type, { type Static } from 'typebox';
import { busProperties } from '#bus/config.ts';
import { logProperties } from '#runtime/log.ts';

function perSecond(description: string) {
  const andMore = `${description} Not set: no ceiling. \`npm run limits\` changes it while everything runs.`;
  return Type.Optional(Type.Number({ minimum: 0.1, maximum: 1_000_000, description: andMore }));
}

export const routerProperties = {
  ROUTER_OPS_HOST: Type.String({ default: '127.0.0.1', description: 'Where the operations port listens.' }),
  ROUTER_OPS_PORT: Type.Integer({
    default: 7611,
    minimum: 0,
    maximum: 65_535,
    description: 'Operations port: /healthz, /readyz, /metrics. 0 takes a free one.',
  }),
  ROUTER_SESSIONS_PER_USER_MAX: Type.Integer({
    default: 100,
    minimum: 1,
    maximum: 1_000_000,
    description: 'Sessions one user may have attached; a further one is refused as TOO_MANY_SESSIONS.',
  }),
  ROUTER_POSITIONS_MAX: Type.Integer({
    default: 200_000,
    minimum: 1_000,
    maximum: 100_000_000,
    description:
      'Channels whose last position this router remembers, some 150 bytes each, and at most half as many that the log has forgotten lately; of others the gateways read the log when a session attaches.',
  }),
  ROUTER_UNREACHABLE_HELD_MAX: Type.Integer({
    default: 10_000,
    minimum: 0,
    maximum: 10_000_000,
    description:
      'Frames per partition that wait, after a takeover, to be judged unreachable; further ones are not judged.',
  }),
  PRESENCE_GRACE_MS: Type.Integer({
    default: 10_000,
    minimum: 0,
    maximum: 3_600_000,
    description: 'How long a session whose connection was lost stays present, in milliseconds.',
  }),
  ADMISSION_TOKEN_SERVICE_PER_SECOND: perSecond(
    'Set-ups per second of clients that come with a token, in the whole fleet: what the service that their tokens are checked with can bear.',
  ),
  ADMISSION_LOG_PER_SECOND: perSecond(
    'Set-ups per second in the whole fleet that the log can bear; each may read it once.',
  ),
  ADMISSION_DIRECTORY_PER_SECOND: perSecond(
    'Set-ups per second in the whole fleet that the routers can bear; each attaches its own channel and its rooms.',
  ),
  ADMISSION_SPREAD_MS_MIN: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 600_000,
    description: 'Clients are never told to come back over less than this, in milliseconds.',
  }),
  ADMISSION_SPREAD_MS_MAX: Type.Integer({
    default: 600_000,
    minimum: 1_000,
    maximum: 86_400_000,
    description: 'Clients are never told to come back over more than this, in milliseconds.',
  }),
  ADMISSION_REBALANCE: Type.Boolean({
    default: true,
    description:
      'Whether gateways that hold more than their part close idle sessions, a few at a time and never one in a call, so that they come back elsewhere.',
  }),
};

const RouterOptions = Type.Object(routerProperties);
/** What a router itself is told, wherever it runs. */
export type RouterOptions = Static<typeof RouterOptions>;

export const RouterConfig = Type.Object({ ...routerProperties, ...busProperties, ...logProperties });
export type RouterConfig = Static<typeof RouterConfig>;

/** A spread cannot be no less than one and no more than the other. */
export function spreadContradiction(config: RouterOptions): string | undefined {
  if (config.ADMISSION_SPREAD_MS_MIN <= config.ADMISSION_SPREAD_MS_MAX) return undefined;
  return 'ADMISSION_SPREAD_MS_MIN is larger than ADMISSION_SPREAD_MS_MAX';
}
