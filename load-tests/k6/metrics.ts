/**
 * Metrics: what the load scripts count, beside k6's own.
 *
 * Counters start with 0, so that a threshold of a thing that never happened is judged as well.
 */

import { Counter, Trend } from 'k6/metrics';

/** From the start of an attempt to its `welcome`. */
export const welcomeMs = new Trend('snowshed_welcome_ms', true);
/** From the loss of a flow to the next `welcome`. */
export const awayMs = new Trend('snowshed_away_ms', true);
/** From the first `send` of a frame to its `ack`. */
export const ackMs = new Trend('snowshed_ack_ms', true);
/** From the first `send` of a frame to its delivery. */
export const deliveryMs = new Trend('snowshed_delivery_ms', true);

export const opened = new Counter('snowshed_sessions_opened');
/** Of those that a script was to open, at its end. */
export const notOpened = new Counter('snowshed_sessions_not_opened');
export const lost = new Counter('snowshed_flows_lost');
export const attemptsFailed = new Counter('snowshed_attempts_failed');
export const waits = new Counter('snowshed_waits_told');
/** By tag `fault`. */
export const faults = new Counter('snowshed_faults');

export const framesAcked = new Counter('snowshed_frames_acked');
export const framesDelivered = new Counter('snowshed_frames_delivered');
/** Acknowledged, and not seen by somebody they were for. */
export const framesLost = new Counter('snowshed_frames_lost');
/** Seen twice by the application of one session. */
export const framesDoubled = new Counter('snowshed_frames_doubled');
/** Given up without an answer, or refused for good. */
export const framesRefused = new Counter('snowshed_frames_refused');
export const gaps = new Counter('snowshed_gaps');

/** What every script demands, whatever it does. */
export const promises = {
  snowshed_frames_lost: ['count==0'],
  snowshed_frames_doubled: ['count==0'],
  snowshed_gaps: ['count==0'],
};

/** To be called at the start of each virtual user. */
export function countFromNothing(): void {
  for (const counter of [framesLost, framesDoubled, framesRefused, gaps, lost, attemptsFailed])
    counter.add(0);
}
