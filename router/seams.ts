/**
 * Router seams: what a router is given, whether it has a process to itself or shares one with a gateway.
 */

import type { Bus } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Random } from '#runtime/random.ts';
import type { RouterOptions } from './config.ts';
import type { RouterMetrics } from './metrics.ts';

export interface RouterDeps {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: RouterOptions;
  readonly log: Logger;
  readonly metrics: RouterMetrics;
}
