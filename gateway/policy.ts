/**
 * Policy: the configuration of a gateway as its pure cores take it, and as clients are told it.
 */

import type { Log } from '#bus/seams.ts';
import type { Random } from '#runtime/random.ts';
import { TTL_MS_DEFAULT } from '#wire/limits.ts';
import type { SessionLimits } from '#wire/messages.ts';
import type { GatewayConfig } from './config.ts';
import type { Pace } from './door/meters.ts';
import { mayJoin, maySendRoom, maySendUser, mayWatch } from './identity/rights.ts';
import { nextDueMs, tooEarlyMs } from './session/rate.ts';
import type { SessionPolicy } from './session/record.ts';

/** An id is given up this long before the log stops recognizing its repeats. */
const DEDUP_MARGIN_MS = 2_000;

export function gatewayPolicy(config: GatewayConfig, log: Log, gateway: string): SessionPolicy {
  return {
    rights: { mayJoin, maySendRoom, maySendUser, mayWatch },
    gateway,
    partitions: log.partitions,
    rate: { perSecond: config.GATEWAY_MESSAGES_PER_SECOND, burst: config.GATEWAY_MESSAGES_BURST },
    refusalsMax: config.GATEWAY_REFUSALS_MAX,
    pendingMax: config.GATEWAY_PENDING_MAX,
    roomsMax: config.GATEWAY_ROOMS_MAX,
    watchesMax: config.GATEWAY_WATCHES_MAX,
    ttlMsDefault: Math.min(TTL_MS_DEFAULT, log.ttlMsMax),
    ttlMsMax: log.ttlMsMax,
    repeatMsMax: log.dedupWindowMs - DEDUP_MARGIN_MS,
    retryAfterMs: config.GATEWAY_RETRY_MS,
  };
}

export function sessionLimits(config: GatewayConfig, policy: SessionPolicy): SessionLimits {
  return {
    messageBytes: config.GATEWAY_MESSAGE_BYTES_MAX,
    ttlMs: policy.ttlMsMax,
    repeatMs: policy.repeatMsMax,
    framesPerSecond: policy.rate.perSecond,
    framesBurst: policy.rate.burst,
    pending: policy.pendingMax,
    rooms: policy.roomsMax,
  };
}

export function meterPace(perSecond: number, burst: number): Pace {
  const policy = { perSecond, burst };
  return {
    tooEarlyMs: (dueMs, nowMs) => tooEarlyMs(policy, dueMs, nowMs),
    nextDueMs: (dueMs, nowMs) => nextDueMs(policy, dueMs, nowMs),
  };
}

/** A new trace for each frame: `00-<trace id>-<parent id>-00`, not sampled (W3C Trace Context §3.2). */
export function traceparents(random: Random): () => string {
  const hex = () =>
    Math.floor((1 + random.draw()) * 2 ** 48)
      .toString(16)
      .slice(-12);
  const process = `${hex()}${hex()}`.slice(0, 20);
  let count = 0;
  return () => {
    const frame = (count++ % 2 ** 48).toString(16).padStart(12, '0');
    return `00-${process}${frame}-${`${process.slice(0, 4)}${frame}`}-00`;
  };
}
