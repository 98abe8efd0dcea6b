/** NATS bus: log, post, leases, settings and journal over one connection to NATS. */

import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Random } from '#runtime/random.ts';
import { createArrivals } from '../arrivals.ts';
import type { BusConfig } from '../config.ts';
import { type BusMetrics, createBusMetrics } from '../metrics.ts';
import type { Bus } from '../seams.ts';
import { createJetStreamApi } from './api.ts';
import { createAppends } from './appends.ts';
import { type Connection, connectToNats } from './connection.ts';
import { createFollowers, type Followers } from './follower.ts';
import { createNatsJournal } from './journal.ts';
import { createNatsLeases } from './leases.ts';
import { createNatsLog } from './log.ts';
import { createLogClock, heedSample, LOG_CLOCK_ERROR_MS_MAX } from './log-clock.ts';
import { createNatsPost } from './post.ts';
import { createReads } from './reads.ts';
import { createRequests } from './requests.ts';
import {
  journalStream,
  LEASES_BUCKET,
  leasesStream,
  logStreams,
  SETTINGS_BUCKET,
  settingsStream,
} from './stream-settings.ts';
import { openStreams } from './streams.ts';

export { BusMisconfigured } from './streams.ts';

/** How often the time is asked for before a slow bus is taken as it is. */
const SAMPLES_MAX = 5;

export interface NatsBusDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of the process; left out, nobody sees them. */
  readonly metrics?: BusMetrics;
}

/**
 * Connects, and makes or checks the streams.
 *
 * @throws BusUnavailable if no server answers or they cannot make the streams in 20 s.
 * @throws BusMisconfigured if a stream stands there with other settings than `config` asks for.
 */
export async function connectNatsBus(config: BusConfig, given: NatsBusDeps): Promise<Bus> {
  const { clock } = given;
  const deps = { ...given, metrics: given.metrics ?? createBusMetrics([]) };
  const connection = await connectToNats(config, deps);
  const unmeter = meterConnection(connection, deps.metrics);
  const inbox = `_INBOX.${deps.random.id()}`;
  const arrivals = createArrivals(clock);
  const requests = createRequests(connection, arrivals, `${inbox}.r`, clock);
  const api = createJetStreamApi(requests);
  const logClock = createLogClock();
  let followers: Followers | undefined;
  const settings = [leasesStream(config), settingsStream(config), journalStream(config)];
  const streams = await openStreams([...logStreams(config), ...settings], {
    ...deps,
    api,
    connection,
    epochChanged: (stream) => followers?.epochChanged(stream),
    sampled: (sample) => heedSample(logClock, sample),
  }).catch(async (error: unknown) => {
    requests.close();
    await connection.close();
    throw error;
  });
  // The first answers may have come late, from servers that were only just there.
  for (let n = 0; n < SAMPLES_MAX && logClock.errorMs > LOG_CLOCK_ERROR_MS_MAX; n++)
    await streams.ask(leasesStream(config).name).catch(() => undefined);
  const following = createFollowers({ ...deps, api, connection, streams, inbox: `${inbox}.f` });
  followers = following;
  const appends = createAppends(connection, `${inbox}.a`, deps);
  const reads = createReads(requests, api, config.LOG_REPLICAS);
  const natsLog = createNatsLog(config, { ...deps, appends, followers: following, reads, streams, logClock });
  return {
    log: natsLog,
    post: createNatsPost(connection, requests, arrivals),
    leases: createNatsLeases(LEASES_BUCKET, requests, api, following),
    settings: createNatsLeases(SETTINGS_BUCKET, requests, api, following),
    journal: createNatsJournal(requests, following),
    async close() {
      streams.close();
      natsLog.close();
      following.close();
      appends.close();
      requests.close();
      unmeter();
      await connection.close();
    },
  };
}

function meterConnection(connection: Connection, metrics: BusMetrics): () => void {
  metrics.connected.set(1);
  return connection.watch((connected) => {
    metrics.connected.set(connected ? 1 : 0);
    if (connected) metrics.reconnects.inc();
  });
}
