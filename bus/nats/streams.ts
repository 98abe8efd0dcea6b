/**
 * Streams: makes the streams of the bus where they are missing, checks those that stand there, and watches
 * that each is still the one it was.
 *
 * Several processes may start at once: whoever comes second finds the name in use and takes what the first
 * has made. Every ten seconds and after each reconnect the leader of each stream is asked for its state;
 * the answer also carries the server's time, by which the log's clock is set.
 */

import type { ApiError, StreamInfo } from '@nats-io/jetstream';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Random } from '#runtime/random.ts';
import type { BusMetrics } from '../metrics.ts';
import { BusUnavailable } from '../seams.ts';
import { apiCodes, type JetStreamApi } from './api.ts';
import type { Connection } from './connection.ts';
import { differences, EPOCH, type StreamSettings } from './stream-settings.ts';

/** A stream is there with other settings, or the servers cannot make it: only a person can mend that. */
export class BusMisconfigured extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'BusMisconfigured';
  }
}

/** What is known of one stream. */
export interface StreamState {
  readonly epoch: string;
  /** The position of its last message, 0 where there was none yet. */
  readonly end: number;
  readonly messages: number;
}

/** One answer of the server, and when it was asked and had, on the monotonic clock. */
export interface TimeSample {
  readonly serverMs: number;
  readonly sentMs: number;
  readonly receivedMs: number;
}

export interface Streams {
  /** The epoch last seen. */
  epoch(stream: string): string;
  /** The end that its leader named last. */
  knownEnd(stream: string): number | undefined;
  /** Asks the leader now; makes the stream anew if it is gone. Rejects with `BusUnavailable`. */
  ask(stream: string): Promise<StreamState>;
  close(): void;
}

export interface StreamsDeps {
  readonly api: JetStreamApi;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: BusMetrics;
  /** Told whenever a stream's epoch is not what it was. */
  epochChanged(stream: string): void;
  sampled(sample: TimeSample): void;
}

interface State extends StreamsDeps {
  readonly settings: ReadonlyMap<string, StreamSettings>;
  readonly epochs: Map<string, string>;
  readonly ends: Map<string, number>;
  /** Questions under way, so that many followers ask once. */
  readonly asking: Map<string, Promise<StreamState>>;
}

const CHECK_MS = 10_000;
const START_MS_MAX = 20_000;
const RETRY_MS = 250;
/** Codes that mean the cluster is not ready yet: no leader, no peers, no answer of a majority. */
const passingCodes = [10004, 10005, 10006, 10008, 10009, 10034];

/**
 * Makes or checks all streams; resolves when every one is as it has to be.
 *
 * @throws BusMisconfigured if one stands there with other settings.
 * @throws BusUnavailable if the servers could not make them in 20 s.
 */
export async function openStreams(settings: readonly StreamSettings[], deps: StreamsDeps): Promise<Streams> {
  const byName = new Map(settings.map((one) => [one.name, one]));
  const state: State = { ...deps, settings: byName, epochs: new Map(), ends: new Map(), asking: new Map() };
  const untilMs = deps.clock.monotonicMs() + START_MS_MAX;
  await Promise.all(settings.map((one) => openStream(state, one, untilMs)));
  const cancelCheck = deps.clock.every(CHECK_MS, () => checkAll(state));
  const unwatch = deps.connection.watch((connected) => {
    if (connected) checkAll(state);
  });
  return {
    epoch: (stream) => state.epochs.get(stream) ?? '',
    knownEnd: (stream) => state.ends.get(stream),
    ask: (stream) => askOnce(state, stream),
    close() {
      cancelCheck();
      unwatch();
    },
  };
}

async function openStream(state: State, settings: StreamSettings, untilMs: number): Promise<void> {
  for (;;) {
    try {
      const info = await madeOrFound(state, settings);
      checkSettings(settings, info);
      return;
    } catch (error) {
      if (!(error instanceof BusUnavailable)) throw error;
      if (state.clock.monotonicMs() > untilMs) {
        const what = `stream ${settings.name} could not be made or found; NATS needs JetStream (${error.message})`;
        throw new BusUnavailable(what, { cause: error });
      }
    }
    await new Promise<void>((resolve) => state.clock.after(RETRY_MS, resolve));
  }
}

function checkSettings(settings: StreamSettings, info: StreamInfo): void {
  const problems = differences(settings, info.config);
  if (problems.length === 0) return;
  throw new BusMisconfigured(
    `stream ${settings.name} stands there with other settings (${problems.join('; ')}); change the configuration, or the stream`,
  );
}

/** Finds the stream or makes it, whichever is possible. */
async function madeOrFound(state: State, settings: StreamSettings): Promise<StreamInfo> {
  const found = await infoOf(state, settings.name);
  if (found !== undefined) return found;
  const metadata = { ...settings.metadata, [EPOCH]: state.random.id() };
  const made = await state.api.createStream({ ...settings, metadata });
  if (made.ok) {
    state.log.info({ event: 'bus.stream.made', stream: settings.name }, 'a stream of the bus was made');
    return (await infoOf(state, settings.name)) ?? made.answer;
  }
  if (made.error.err_code !== apiCodes.streamNameInUse) throw failure(settings.name, made.error);
  // Between the question and now another process has made it, or is just about to: then it is asked for again.
  const other = await infoOf(state, settings.name);
  if (other !== undefined) return other;
  throw new BusUnavailable(`stream ${settings.name}: another process is making it`);
}

function failure(stream: string, error: ApiError): Error {
  const what = `stream ${stream}: ${error.description} (${error.err_code})`;
  return passingCodes.includes(error.err_code) ? new BusUnavailable(what) : new BusMisconfigured(what);
}

/** The state of a stream by its leader, or `undefined` where there is none of this name. */
async function infoOf(state: State, stream: string): Promise<StreamInfo | undefined> {
  const sentMs = state.clock.monotonicMs();
  const outcome = await state.api.streamInfo(stream);
  if (!outcome.ok) {
    if (outcome.error.err_code === apiCodes.streamNotFound) return undefined;
    throw failure(stream, outcome.error);
  }
  const receivedMs = state.clock.monotonicMs();
  const serverMs = Date.parse(outcome.answer.ts ?? '');
  if (Number.isFinite(serverMs)) state.sampled({ serverMs, sentMs, receivedMs });
  state.ends.set(stream, outcome.answer.state.last_seq);
  note(state, stream, outcome.answer);
  measure(state.metrics, stream, outcome.answer);
  return outcome.answer;
}

function note(state: State, stream: string, info: StreamInfo): void {
  const epoch = info.config.metadata?.[EPOCH] ?? '';
  const before = state.epochs.get(stream);
  state.epochs.set(stream, epoch);
  if (before === undefined || before === epoch) return;
  state.log.warn({ event: 'bus.stream.anew', stream }, 'a stream of the bus is another one now');
  state.epochChanged(stream);
}

function measure(metrics: BusMetrics, stream: string, { config, state, cluster }: StreamInfo): void {
  metrics.streamBytes.set({ stream }, state.bytes);
  metrics.streamMessages.set({ stream }, state.messages);
  if (config.max_bytes > 0) metrics.streamBytesMax.set({ stream }, config.max_bytes);
  metrics.streamReplicasConfigured.set({ stream }, config.num_replicas);
  const current = cluster?.replicas?.filter((replica) => replica.current && replica.offline !== true) ?? [];
  metrics.streamReplicas.set({ stream }, 1 + current.length);
}

function askOnce(state: State, stream: string): Promise<StreamState> {
  const under = state.asking.get(stream);
  if (under !== undefined) return under;
  const asking = stateOf(state, stream).finally(() => state.asking.delete(stream));
  state.asking.set(stream, asking);
  return asking;
}

async function stateOf(state: State, stream: string): Promise<StreamState> {
  const settings = state.settings.get(stream);
  if (settings === undefined) throw new Error(`no such stream: ${stream}`);
  const info = await madeOrFound(state, settings);
  return {
    epoch: state.epochs.get(stream) ?? '',
    end: info.state.last_seq,
    messages: info.state.messages,
  };
}

function checkAll(state: State): void {
  for (const stream of state.settings.keys()) {
    askOnce(state, stream).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      state.log.warn(
        { event: 'bus.stream.unchecked', stream, reason },
        'a stream of the bus could not be checked',
      );
    });
  }
}
