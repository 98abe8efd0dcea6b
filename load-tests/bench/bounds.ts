/** Bounds: the environment in which nothing is refused for its pace or its number, since that is not measured. */

import type { Environment } from '#test/harness/process.ts';

export const unbounded: Environment = {
  GATEWAY_FLOWS_MAX: '1000000',
  GATEWAY_FLOWS_PER_ADDRESS_MAX: '1000000',
  GATEWAY_MESSAGES_PER_SECOND: '1000000',
  GATEWAY_MESSAGES_BURST: '1000000',
  GATEWAY_USER_MESSAGES_PER_SECOND: '1000000',
  GATEWAY_USER_MESSAGES_BURST: '1000000',
  GATEWAY_ADDRESS_MESSAGES_PER_SECOND: '100000000',
  GATEWAY_ADDRESS_MESSAGES_BURST: '100000000',
  LOG_LEVEL: 'info',
};

/** The secret that the load processes make tokens with. */
export const tokenSecret = 'of benchmarks on loopback alone, and of nothing else';
