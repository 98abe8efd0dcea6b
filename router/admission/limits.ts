/**
 * Limits in force: what the configuration says, and what an operator has said since.
 *
 * A limit that was set while everything runs replaces the configured one of its name. The log and the directory bear
 * every set-up, so the lower of the two is the ceiling for all; one that is enforced goes before one that is only tried out.
 *
 * Pure. `decider.ts` asks it.
 */

import type { Limit, Limits } from '#wire/admission.ts';
import type { RouterOptions } from '../config.ts';
import type { CeilingKind, Ceilings } from './admission.ts';

export interface CeilingsInForce {
  readonly ceilings: Ceilings;
  /** Which of them are only tried out. */
  readonly dryRun: { readonly [kind in CeilingKind]: boolean };
}

export function configuredLimits(config: RouterOptions): Limits {
  return {
    ...limit('tokenService', config.ADMISSION_TOKEN_SERVICE_PER_SECOND),
    ...limit('log', config.ADMISSION_LOG_PER_SECOND),
    ...limit('directory', config.ADMISSION_DIRECTORY_PER_SECOND),
  };
}

function limit(name: keyof Limits, value: number | undefined): Limits {
  return value === undefined ? {} : { [name]: { value } };
}

export function ceilingsInForce(configured: Limits, set: Limits): CeilingsInForce {
  const { tokenService, log, directory } = { ...configured, ...set };
  const all = lowest([log, directory].filter((one) => one !== undefined));
  return {
    ceilings: { fresh: tokenService?.value, all: all?.value },
    dryRun: { fresh: tokenService?.dryRun === true, all: all?.dryRun === true },
  };
}

function lowest(limits: readonly Limit[]): Limit | undefined {
  const enforced = limits.filter(({ dryRun }) => dryRun !== true);
  const candidates = enforced.length > 0 ? enforced : limits;
  return candidates.toSorted((a, b) => a.value - b.value)[0];
}
