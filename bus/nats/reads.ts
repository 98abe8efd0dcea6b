/**
 * Reads: the frames of one channel after a position, straight out of the stream.
 *
 * Any replica answers a direct get, in a batch, and has what it has: a beginning of the log without holes.
 * What it lacks only the leader knows; it is asked message by message, for what the replica did not bring, or
 * for all where the replica does not answer (a frozen one is still asked). One copy alone is the leader.
 */

import type { Msg } from '@nats-io/transport-node';
import type { Channel } from '#wire/channels.ts';
import { BusUnavailable, type LogEntry, type Read } from '../seams.ts';
import { apiCodes, type JetStreamApi } from './api.ts';
import type { Progress, Requests } from './requests.ts';

export interface Wanted {
  readonly stream: string;
  readonly subject: string;
  readonly channel: Channel;
  readonly after: number;
  readonly upTo: number;
  readonly bytesMax: number;
}

export interface Reads {
  /** With one copy, or asked of the leader, `through` is `upTo` when all was brought; else what was seen. */
  read(wanted: Wanted, leader: boolean): Promise<Read>;
}

interface Page {
  readonly entries: LogEntry[];
  bytes: number;
  /** The last position seen, also past `upTo`. */
  last: number;
  /** The replica has no more. */
  exhausted: boolean;
  broken: boolean;
}

const ANSWER_MS_MAX = 2_000;
/** Where the leader is going to be asked anyway. */
const HASTY_MS_MAX = 500;
const BATCH_MAX = 1_000;
/** Messages the leader is asked for in one read, one after another. */
const LEADER_BATCH_MAX = 200;
const END_OF_BATCH = 204;
const NOT_FOUND = 404;

export function createReads(requests: Requests, api: JetStreamApi, replicas: number): Reads {
  return {
    async read(wanted, leader) {
      if (replicas > 1 && leader) return readWithLeader(requests, api, wanted);
      const page = await directPage(requests, wanted, ANSWER_MS_MAX);
      return readOf(wanted, page, replicas === 1 && page.exhausted);
    },
  };
}

async function readWithLeader(requests: Requests, api: JetStreamApi, wanted: Wanted): Promise<Read> {
  const page = await directPage(requests, wanted, HASTY_MS_MAX).catch(() => emptyPage(wanted, true));
  return readOf(wanted, page, page.exhausted && (await leaderRest(api, wanted, page)));
}

function readOf({ after, upTo }: Wanted, page: Page, complete: boolean): Read {
  if (complete || page.last >= upTo) return { entries: page.entries, through: upTo };
  return { entries: page.entries, through: page.entries.at(-1)?.position ?? after };
}

function emptyPage({ after }: Wanted, exhausted: boolean): Page {
  return { entries: [], bytes: 0, last: after, exhausted, broken: false };
}

async function directPage(requests: Requests, wanted: Wanted, timeoutMs: number): Promise<Page> {
  const page = emptyPage(wanted, false);
  const question = {
    seq: wanted.after + 1,
    next_by_subj: wanted.subject,
    batch: BATCH_MAX,
    max_bytes: wanted.bytesMax,
  };
  const data = Buffer.from(JSON.stringify(question));
  await requests.many(`$JS.API.DIRECT.GET.${wanted.stream}`, data, timeoutMs, (message) =>
    heed(page, wanted, message),
  );
  if (page.broken) throw new BusUnavailable(`read of ${wanted.stream}: an answer was lost`);
  return page;
}

function heed(page: Page, wanted: Wanted, { headers, data }: Msg): Progress {
  if (headers?.code === NOT_FOUND) {
    page.exhausted = true;
    return 'done';
  }
  if (headers?.code === END_OF_BATCH) {
    page.exhausted = headers.get('Nats-Num-Pending') === '0';
    // The end names the last position that was sent, so that none of the batch can be missing unnoticed.
    if (Number(headers.get('Nats-Last-Sequence')) !== page.last) page.broken = true;
    return 'done';
  }
  const position = Number(headers?.get('Nats-Sequence'));
  if (!Number.isSafeInteger(position) || position <= page.last) {
    page.broken = true;
    return 'done';
  }
  page.last = position;
  const storedAtMs = Date.parse(headers?.get('Nats-Time-Stamp') ?? '');
  take(page, wanted, { channel: wanted.channel, position, storedAtMs, data });
  return 'more';
}

function take(page: Page, { upTo }: Wanted, entry: LogEntry): void {
  if (entry.position > upTo) return;
  page.bytes += entry.data.length;
  page.entries.push(entry);
}

/** Brings what the leader has past the page; true when there is no more of it up to `upTo`. */
async function leaderRest(api: JetStreamApi, wanted: Wanted, page: Page): Promise<boolean> {
  for (let asked = 0; asked < LEADER_BATCH_MAX; asked++) {
    if (page.last >= wanted.upTo || (page.bytes >= wanted.bytesMax && page.entries.length > 0)) break;
    const outcome = await api.nextMessage(wanted.stream, wanted.subject, page.last + 1);
    if (!outcome.ok) {
      if (outcome.error.err_code === apiCodes.messageNotFound) return true;
      throw new BusUnavailable(`read of ${wanted.stream}: ${outcome.error.description}`);
    }
    const { seq, time, data } = outcome.answer.message;
    page.last = seq;
    take(page, wanted, {
      channel: wanted.channel,
      position: seq,
      storedAtMs: Date.parse(time),
      data: Buffer.from(data ?? '', 'base64'),
    });
  }
  return page.last >= wanted.upTo;
}
