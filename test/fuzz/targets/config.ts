/**
 * Configuration: environments as JSON objects, read as a gateway, a router and the one-process mode read them.
 *
 * What is read fits its schema; everything else is a `ConfigError` that says no secret.
 */

import assert from 'node:assert/strict';
import { Compile } from 'typebox/compile';
import { AllInOneConfig, allInOneChecks } from '#all-in-one/config.ts';
import { gatewayChecks } from '#gateway/build.ts';
import { GatewayConfig } from '#gateway/config.ts';
import { identityChecks } from '#gateway/identity/config.ts';
import { webTransportOptions } from '#gateway/transports/config.ts';
import { createReception } from '#gateway/transports/reception.ts';
import { RouterConfig } from '#router/config.ts';
import { ConfigError, readConfig } from '#runtime/config.ts';
import type { Target } from '../target.ts';

/** Stands in every secret of the corpus. */
const secretWord = 'hush';

const valid = {
  gateway: Compile(GatewayConfig),
  router: Compile(RouterConfig),
  allInOne: Compile(AllInOneConfig),
};

export function configTarget(): Target {
  return {
    name: 'config',
    judge(input) {
      const env = environmentOf(input);
      if (env === undefined) return 'no environment';
      const gateway = read(() => readConfig(GatewayConfig, env, [...gatewayChecks, ...identityChecks]));
      const router = read(() => readConfig(RouterConfig, env));
      const allInOne = read(() => readConfig(AllInOneConfig, env, allInOneChecks));
      if (router !== undefined)
        assert(valid.router.Check(router), 'a router configuration against its schema');
      if (allInOne !== undefined)
        assert(valid.allInOne.Check(allInOne), 'a configuration against its schema');
      if (gateway !== undefined) {
        assert(valid.gateway.Check(gateway), 'a gateway configuration against its schema');
        // What passed the checks can be used.
        createReception(webTransportOptions(gateway, gateway.GATEWAY_OUTBOX_BYTES_MAX), 'main');
      }
      return `${gateway !== undefined} ${router !== undefined} ${allInOne !== undefined}`;
    },
  };
}

function environmentOf(input: Buffer): Record<string, string> | undefined {
  try {
    const value: unknown = JSON.parse(input.toString('utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, typeof one === 'string' ? one : JSON.stringify(one)]),
    );
  } catch {
    return undefined;
  }
}

function read<Config>(reading: () => Config): Config | undefined {
  try {
    return reading();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert(error.problems.length > 0);
    for (const problem of error.problems) {
      assert(!problem.includes(secretWord), 'a secret in a message');
      assert(!problem.includes('\n') && problem.length < 600, 'a message that is no line');
    }
    return undefined;
  }
}
