/** Bus under test: how the contract suites open either implementation, and wait on it. */

import assert from 'node:assert/strict';
import type { Append, Appended, Bus, FollowSink, LogEntry } from '#bus/seams.ts';
import { partitionOf } from '#wire/channels.ts';

export interface BusLimits {
  readonly partitions: number;
  readonly bytesMax: number;
  readonly channelFramesMax: number;
  readonly dedupWindowMs: number;
}

export interface BusUnderTest {
  readonly bus: Bus;
  /** What another node has of the same bus. */
  another(): Promise<Bus>;
  /** Lets time pass: by the virtual clock, or in truth. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

export type OpenBus = (limits?: Partial<BusLimits>) => Promise<BusUnderTest>;

export const limitsDefault: BusLimits = {
  partitions: 8,
  bytesMax: 16_777_216,
  channelFramesMax: 1_000,
  dedupWindowMs: 2_000,
};

type Passing = Pick<BusUnderTest, 'bus' | 'pass'>;

/** Waits until something holds. */
export async function until(
  opened: Passing,
  holds: () => boolean,
  what: string,
  msMax = 10_000,
): Promise<void> {
  for (let waited = 0; waited < msMax; waited += 10) {
    if (holds()) return;
    await opened.pass(10);
  }
  assert.fail(`waited in vain until ${what}`);
}

/** Lets time pass until a promise has settled. */
export async function settled<T>(opened: BusUnderTest, promise: Promise<T>): Promise<T> {
  let done = false;
  const finish = () => {
    done = true;
  };
  promise.then(finish, finish);
  await until(opened, () => done, 'a promise settles');
  return promise;
}

let ids = 0;

/** One frame to a channel; each with a message id of its own unless it names one. */
export function frameTo(bus: Bus, channel: string, text: string, more: Partial<Append> = {}): Append {
  return {
    partition: partitionOf(channel, bus.log.partitions),
    channel,
    messageId: `ann/phone/${channel}/${++ids}/x`,
    data: Buffer.from(text),
    ttlMs: 60_000,
    ...more,
  };
}

export async function append(opened: Passing, frame: Append, bus = opened.bus): Promise<Appended> {
  let outcome: Appended | undefined;
  bus.log.append(frame, (decided) => {
    assert.equal(outcome, undefined, 'answered twice');
    outcome = decided;
  });
  assert.equal(outcome, undefined, 'answered before append returned');
  await until(opened, () => outcome !== undefined, 'an append is answered');
  return outcome!;
}

/** The position of a frame that must have been stored. */
export async function appended(opened: BusUnderTest, frame: Append, bus: Bus = opened.bus): Promise<number> {
  const outcome = await append(opened, frame, bus);
  assert(outcome.kind === 'stored', `it was ${JSON.stringify(outcome)}`);
  return outcome.position;
}

export interface Recorder extends FollowSink {
  readonly entries: LogEntry[];
  readonly texts: string[];
  headPosition: number;
  epochChanges: number;
}

/** A sink that remembers, and holds that a follower never goes back nor claims what it has not brought. */
export function recorder(): Recorder {
  const record: Recorder = {
    entries: [],
    texts: [],
    headPosition: 0,
    epochChanges: 0,
    entry(entry) {
      const previous = record.entries.at(-1)?.position ?? 0;
      assert(entry.position > previous, `${entry.position} came after ${previous}`);
      assert(
        entry.position > record.headPosition,
        `${entry.position} came after head ${record.headPosition}`,
      );
      record.entries.push(entry);
      record.texts.push(Buffer.from(entry.data).toString());
    },
    head(position) {
      assert(position >= record.headPosition, 'the head never goes back');
      record.headPosition = position;
    },
    epochChanged() {
      record.epochChanges++;
    },
  };
  return record;
}

/** Channels `r/a0`, `r/a1`, … that fall in this partition. */
export function channelsIn(bus: Bus, partition: number, count: number): readonly string[] {
  const channels: string[] = [];
  for (let n = 0; channels.length < count; n++) {
    if (partitionOf(`r/a${n}`, bus.log.partitions) === partition) channels.push(`r/a${n}`);
  }
  return channels;
}
