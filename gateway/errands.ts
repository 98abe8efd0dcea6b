/**
 * Errands: what a session asks of the log, the routers and the ICE servers; each result comes back as an event.
 *
 * The hub sends them off; nothing here decides anything.
 */

import { type Appended, type Bus, BusUnavailable } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import { labelledTally, tally } from '#runtime/tally.ts';
import { type Channel, partitionOf } from '#wire/channels.ts';
import { keptMsOf } from '#wire/envelope.ts';
import { volatileSubject } from '#wire/subjects.ts';
import type { FlowRecord } from './flow-record.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { RouterClient } from './router-client/router-client.ts';
import type { IceServers } from './seams.ts';
import type { SessionEffect, SessionEvent } from './session/record.ts';

export interface ErrandDeps {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly iceServers: IceServers;
  readonly routers: Pick<RouterClient, 'acked' | 'members' | 'setState'>;
  readonly retryAfterMs: number;
  feed(record: FlowRecord, event: SessionEvent): void;
}

/** An append that got no answer is repeated after so long. */
const AGAIN_MS = 200;
/** Of so many appends the time of one is measured, as a histogram costs more than the rest of an answer. */
const APPEND_SAMPLE = 16;

export function createErrands({ bus, clock, metrics, iceServers, routers, retryAfterMs, feed }: ErrandDeps) {
  const appends = labelledTally(metrics.appended, 'outcome');
  const published = tally(metrics.published);
  let appended = 0;

  function append(record: FlowRecord, effect: Extract<SessionEffect, { kind: 'append' }>): void {
    const { channel, id, messageId, data, ttlMs } = effect;
    const partition = partitionOf(channel, bus.log.partitions);
    const startMs = clock.monotonicMs();
    const keptMs = keptMsOf(ttlMs, bus.log.ttlMsMax);
    const answered = (outcome: Appended): void => {
      appends.inc(outcome.kind);
      if (outcome.kind === 'stored') routers.acked(channel, partition, outcome.position, keptMs);
      if (outcome.kind === 'stored' && ++appended % APPEND_SAMPLE === 0)
        metrics.appendSeconds.observe((clock.monotonicMs() - startMs) / 1000);
      feed(record, { kind: 'appended', channel, id, outcome });
    };
    const append = { partition, channel, messageId, data, ttlMs: keptMs };
    if (effect.again) clock.after(AGAIN_MS, () => bus.log.append(append, answered));
    else bus.log.append(append, answered);
  }

  function publish({ channel, data }: Extract<SessionEffect, { kind: 'publish' }>): void {
    published.inc();
    bus.post.publish(volatileSubject(partitionOf(channel, bus.log.partitions), channel), data);
  }

  function setPresence(record: FlowRecord, state: string): void {
    record.presence = state;
    for (const sub of record.subscriptions) {
      if (sub.watch) continue;
      sub.state = state;
      routers.setState(sub);
    }
  }

  function members(record: FlowRecord, id: string, channel: Channel): void {
    routers.members(channel).then(
      ({ members: present, truncated }) =>
        feed(record, { kind: 'served', id, answer: { ok: true, members: present, truncated } }),
      (error) => {
        if (!(error instanceof BusUnavailable)) throw error;
        metrics.faults.inc({ fault: 'UNAVAILABLE' });
        feed(record, { kind: 'served', id, answer: { ok: false, fault: 'UNAVAILABLE', retryAfterMs } });
      },
    );
  }

  function ice(record: FlowRecord, id: string): void {
    const servers = iceServers.iceServersFor(record.session!.user);
    const answer = servers === undefined ? iceUnavailable : { ok: true as const, ...servers };
    feed(record, { kind: 'served', id, answer });
  }

  return { append, publish, setPresence, members, ice };
}

const iceUnavailable = { ok: false, fault: 'ICE_UNAVAILABLE' } as const;
