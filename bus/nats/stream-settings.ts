/**
 * Stream settings: what the streams of the bus have to be like, and what is wrong with those that stand there.
 *
 * The log's streams refuse what does not fit (`discard: new`, also per subject) and forget only what has
 * outlived its time: `max_age` lies past the longest time to live. A stream carries its epoch, a random id
 * made with it, and how many partitions the log has, since another number would find no frame again.
 *
 * Pure.
 */

import type { StreamConfig } from '@nats-io/jetstream';
import { logSubjectsOf } from '#wire/subjects.ts';
import type { BusConfig } from '../config.ts';

export type StreamSettings = Partial<StreamConfig> & {
  readonly name: string;
  readonly metadata: Record<string, string>;
};

export const LEASES_BUCKET = 'snowshed-leases';
export const SETTINGS_BUCKET = 'snowshed-settings';
export const JOURNAL_STREAM = 'snowshed-revocations';
export const JOURNAL_SUBJECT = 'snowshed.revocations';
/** The key of the metadata that names one life of a stream. */
export const EPOCH = 'epoch';

const NANOS = 1_000_000;
/** So that what routers leave behind that never come back does not stay for ever; leases are renewed each second. */
const LEASE_MS_MAX = 86_400_000;
const LEASES_BYTES_MAX = 16_777_216;
const SETTINGS_BYTES_MAX = 1_048_576;
/** Some 300,000 revocations; past it the next one is refused. */
const JOURNAL_BYTES_MAX = 67_108_864;
/** Times to live are rounded up to whole seconds there, and one more so that none ends too soon. */
const TTL_SLACK_MS = 2_000;

/** The stream that holds a partition. */
export function streamOf(partition: number, streams: number): string {
  return `snowshed-log-${partition % streams}`;
}

export function logStreams(config: BusConfig): readonly StreamSettings[] {
  return Array.from({ length: config.LOG_STREAMS }, (_, stream) => {
    const partitions = Array.from({ length: config.LOG_PARTITIONS }, (_, partition) => partition);
    return {
      ...limitsOf(config),
      name: streamOf(stream, config.LOG_STREAMS),
      description: 'Snowshed: frames of calls, kept for their time to live',
      subjects: partitions.filter((p) => p % config.LOG_STREAMS === stream).map(logSubjectsOf),
      storage: config.LOG_STORAGE,
      max_age: (config.LOG_TTL_MAX_MS + TTL_SLACK_MS) * NANOS,
      max_bytes: Math.floor(config.LOG_BYTES_MAX / config.LOG_STREAMS),
      max_msgs_per_subject: config.LOG_CHANNEL_FRAMES_MAX,
      discard: 'new',
      discard_new_per_subject: true,
      duplicate_window: config.LOG_DEDUP_WINDOW_MS * NANOS,
      allow_msg_ttl: true,
      metadata: { partitions: `${config.LOG_PARTITIONS}`, streams: `${config.LOG_STREAMS}` },
    };
  });
}

/** As a key-value bucket is made, so that the tools of NATS can read it. In memory: leases live for seconds. */
export function leasesStream(config: BusConfig): StreamSettings {
  return {
    ...limitsOf(config),
    ...bucketOf(LEASES_BUCKET),
    description: 'Snowshed: who owns which partition',
    storage: 'memory',
    max_age: LEASE_MS_MAX * NANOS,
    max_bytes: LEASES_BYTES_MAX,
  };
}

/** What operators set while everything runs: on file and for ever. */
export function settingsStream(config: BusConfig): StreamSettings {
  return {
    ...limitsOf(config),
    ...bucketOf(SETTINGS_BUCKET),
    description: 'Snowshed: limits that operators set',
    storage: 'file',
    max_bytes: SETTINGS_BYTES_MAX,
  };
}

/** The stream of a key-value bucket. */
export function bucketStream(bucket: string): string {
  return `KV_${bucket}`;
}

/** The keys of a bucket are subjects under this. */
export function bucketSubjects(bucket: string): string {
  return `$KV.${bucket}.`;
}

function bucketOf(bucket: string): StreamSettings {
  return {
    name: bucketStream(bucket),
    subjects: [`${bucketSubjects(bucket)}>`],
    max_msgs_per_subject: 1,
    discard: 'new',
    allow_rollup_hdrs: true,
    deny_delete: true,
    metadata: {},
  };
}

/** On file whatever the log is on: a revocation must outlive a restart of the servers. */
export function journalStream(config: BusConfig): StreamSettings {
  return {
    ...limitsOf(config),
    name: JOURNAL_STREAM,
    description: 'Snowshed: revoked users, sessions and tokens',
    subjects: [JOURNAL_SUBJECT],
    storage: 'file',
    max_age: config.JOURNAL_TTL_MS * NANOS,
    max_bytes: JOURNAL_BYTES_MAX,
    discard: 'new',
    metadata: {},
  };
}

function limitsOf(config: BusConfig): Partial<StreamConfig> {
  return { retention: 'limits', num_replicas: config.LOG_REPLICAS, allow_direct: true };
}

/** Each setting of a stream that is not as it has to be, in words. What is not asked for may be as it likes. */
export function differences(expected: StreamSettings, found: Partial<StreamConfig>): readonly string[] {
  const problems: string[] = [];
  for (const [setting, value] of Object.entries(expected)) {
    if (setting === 'description' || setting === 'metadata') continue;
    compare(problems, setting, value, found[setting as keyof StreamConfig]);
  }
  for (const [key, value] of Object.entries(expected.metadata)) {
    compare(problems, `metadata.${key}`, value, found.metadata?.[key]);
  }
  if (found.metadata?.[EPOCH] === undefined) problems.push('metadata.epoch: expected any, found none');
  return problems;
}

function compare(problems: string[], setting: string, expected: unknown, found: unknown): void {
  const [wanted, there] = [inWords(expected), inWords(found ?? absent(expected))];
  if (wanted !== there) problems.push(`${setting}: expected ${wanted}, found ${there}`);
}

/** What the server leaves out where a setting is off. */
function absent(expected: unknown): unknown {
  return typeof expected === 'boolean' ? false : 'none';
}

function inWords(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  const words = value.map(String).sort();
  return words.length <= 4
    ? words.join(' ')
    : `${words.slice(0, 3).join(' ')} … (${words.length}, ${checksum(words)})`;
}

/** So that two long lists of one length are told apart. */
function checksum(words: readonly string[]): string {
  let sum = 0;
  for (const character of words.join(' ')) sum = (Math.imul(sum, 31) + character.charCodeAt(0)) >>> 0;
  return sum.toString(16);
}
