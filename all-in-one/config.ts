/**
 * All-in-one configuration: the variables of gateway and router in one process, of which all may be absent.
 *
 * `docs/config.md` is generated from it.
 */

import Type, { type Static } from 'typebox';
import { busConfigProblem, busProperties } from '#bus/config.ts';
import { gatewayChecks } from '#gateway/build.ts';
import { type GatewayConfig, gatewayProperties } from '#gateway/config.ts';
import { doorProperties } from '#gateway/door/config.ts';
import {
  identityProperties,
  jwksUrlProblem,
  keySources,
  turnContradiction,
} from '#gateway/identity/config.ts';
import { isLoopback, transportProperties } from '#gateway/transports/config.ts';
import { routerProperties, spreadContradiction } from '#router/config.ts';
import type { ConfigCheck } from '#runtime/config.ts';
import { logProperties } from '#runtime/log.ts';

const ORIGIN_TITLE = 'an origin such as https://demo.example.org';

export const allInOneProperties = {
  NATS_URL: Type.Optional(
    Type.String({
      minLength: 1,
      title: 'one or more NATS addresses, with commas between',
      description: 'Addresses of the NATS servers. Not set: the log is in the memory of this process.',
    }),
  ),
  DEMO_ORIGIN: Type.Optional(
    Type.String({
      pattern: '^https?://[^/\\s]+$',
      title: ORIGIN_TITLE,
      description:
        'Where the demo page is opened, if not on this machine. Whoever opens it there gets a token under any name.',
    }),
  ),
};

export const AllInOneConfig = Type.Object({
  ...gatewayProperties,
  ...transportProperties,
  ...doorProperties,
  ...identityProperties,
  ...routerProperties,
  ...busProperties,
  ...logProperties,
  // Takes the place of the variable of the same name above, which has a default.
  ...allInOneProperties,
});
export type AllInOneConfig = Static<typeof AllInOneConfig>;

export const allInOneChecks: readonly ConfigCheck<AllInOneConfig>[] = [
  ...[busConfigProblem, turnContradiction, jwksUrlProblem, ...gatewayChecks].map(
    (check) => (config: AllInOneConfig) => check(nodeConfig(config)),
  ),
  spreadContradiction,
  ({ DEMO_ORIGIN }) =>
    DEMO_ORIGIN === undefined || URL.canParse(DEMO_ORIGIN)
      ? undefined
      : `DEMO_ORIGIN has to be ${ORIGIN_TITLE}`,
  (config) =>
    keySources(config) > 1
      ? 'give one of AUTH_JWKS_URL, AUTH_PUBLIC_KEY_FILE and AUTH_HMAC_SECRET, or none'
      : undefined,
  (config) =>
    keySources(config) === 0 && (config.AUTH_ISSUER ?? config.AUTH_AUDIENCE) !== undefined
      ? 'AUTH_ISSUER and AUTH_AUDIENCE are of use only with a source of keys'
      : undefined,
  (config) =>
    makesTokens(config) && !isLoopback(config.GATEWAY_HOST) && config.DEMO_ORIGIN === undefined
      ? 'where others can come, tokens are not given to everybody: set AUTH_JWKS_URL, AUTH_PUBLIC_KEY_FILE or AUTH_HMAC_SECRET, or DEMO_ORIGIN for a public demo'
      : undefined,
];

/** Whether the demo page's login is on: nobody else's tokens count. */
export function makesTokens(config: AllInOneConfig): boolean {
  return keySources(config) === 0;
}

/** The configuration as a gateway takes it. It gets its bus handed in, so an address that is not there is not missed. */
export function nodeConfig(config: AllInOneConfig): GatewayConfig {
  return { ...config, NATS_URL: config.NATS_URL ?? '' };
}
