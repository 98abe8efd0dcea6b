/**
 * NATS leases: a key-value bucket, written with the revision that has to stand there.
 *
 * A key that was deleted leaves a marker behind whose revision counts; so whoever finds a key taken that
 * should not exist asks the leader whether it is such a marker, and writes over that.
 */

import { Buffer } from 'node:buffer';
import type { ApiError } from '@nats-io/jetstream';
import type { Cancel } from '#runtime/clock.ts';
import type { Leases, Taken } from '../seams.ts';
import { apiCodes, type JetStreamApi } from './api.ts';
import type { Followers } from './follower.ts';
import type { Requests } from './requests.ts';
import { bucketStream, bucketSubjects } from './stream-settings.ts';

type Sink = Parameters<Leases['watch']>[0];

interface PubAck {
  readonly error?: ApiError;
  readonly seq: number;
}

const ANSWER_MS_MAX = 2_000;
const OPERATION = 'KV-Operation';
const nothing = new Uint8Array(0);
const lost: Taken = { kind: 'lost' };
const undecided: Taken = { kind: 'undecided' };

export function createNatsLeases(
  bucket: string,
  requests: Requests,
  api: JetStreamApi,
  followers: Followers,
): Leases {
  const stream = bucketStream(bucket);
  const subjects = bucketSubjects(bucket);
  async function write(key: string, value: Uint8Array, revision: number, more: string): Promise<Taken> {
    const expected = `Nats-Expected-Last-Subject-Sequence:${revision}`;
    const head = `NATS/1.0\r\n${expected}\r\n${more}\r\n`;
    const answer = await requests.one(subjects + key, value, ANSWER_MS_MAX, head);
    const ack = JSON.parse(Buffer.from(answer).toString()) as PubAck;
    if (ack.error === undefined) return { kind: 'taken', revision: ack.seq };
    return isWrongRevision(ack.error) ? lost : undecided;
  }

  /** The revision of the marker that stands where a key was deleted, if one does. */
  async function markerRevision(key: string): Promise<number | undefined> {
    const outcome = await api.lastMessage(stream, subjects + key);
    if (!outcome.ok) return undefined;
    const { hdrs, seq } = outcome.answer.message;
    return isMarker(Buffer.from(hdrs ?? '', 'base64').toString()) ? seq : undefined;
  }

  return {
    async compareAndSet(key, value, revision) {
      try {
        const first = await write(key, value, revision, '');
        if (first.kind !== 'lost' || revision !== 0) return first;
        const marker = await markerRevision(key);
        return marker === undefined ? lost : await write(key, value, marker, '');
      } catch {
        return undecided;
      }
    },
    async release(key, revision) {
      try {
        return await write(key, nothing, revision, `${OPERATION}:DEL\r\n`);
      } catch {
        return undecided;
      }
    },
    watch: (sink) => watch(followers, bucket, sink),
  };
}

function isWrongRevision({ err_code }: ApiError): boolean {
  return err_code === apiCodes.wrongLastSequence || err_code === apiCodes.wrongLastSequenceConstant;
}

function isMarker(headers: string): boolean {
  return /^KV-Operation: ?(DEL|PURGE)\r$/m.test(headers);
}

/**
 * Lists and then follows; after each interruption it lists again, and says of keys it misses that they are gone;
 * of all of them, where the bucket itself is another one.
 */
function watch(followers: Followers, bucket: string, sink: Sink): Cancel {
  const subjects = bucketSubjects(bucket);
  let known = new Set<string>();
  /** Keys found since the consumer began; `undefined` once all have been. */
  let listed: Set<string> | undefined;
  let latest = 0;
  let cancel: Cancel = () => undefined;

  function heed(key: string, value: Uint8Array | undefined, revision: number): void {
    latest = revision;
    if (value === undefined ? !known.delete(key) && listed !== undefined : false) return;
    if (value !== undefined) known.add(key);
    if (value !== undefined) listed?.add(key);
    else listed?.delete(key);
    sink.entry({ key, value, revision });
  }

  function listComplete(): void {
    if (listed === undefined) return;
    for (const key of known) if (!listed.has(key)) sink.entry({ key, value: undefined, revision: latest });
    known = listed;
    listed = undefined;
    sink.ready();
  }

  function follow(): void {
    const followed = {
      stream: bucketStream(bucket),
      filters: [`${subjects}>`],
      from: 'last-per-subject',
      after: 0,
    } as const;
    cancel = followers.follow(followed, {
      begins() {
        listed = new Set();
      },
      message(message, { position }) {
        // Markers have no body, and only of messages without one the headers are read.
        const operation = message.headers?.get(OPERATION) ?? '';
        const value = operation === 'DEL' || operation === 'PURGE' ? undefined : message.data;
        heed(message.subject.slice(subjects.length), value, position);
      },
      caughtUp: listComplete,
      anew() {
        // What a key said in one life of the bucket does not bind the next: each is gone before it may come again.
        for (const key of known) sink.entry({ key, value: undefined, revision: latest });
        known = new Set();
        follow();
      },
    });
  }

  follow();
  return () => cancel();
}
