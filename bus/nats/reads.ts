/**
 * Reads: the frames of one channel after a position, straight out of the stream.
 *
 * Any replica answers a direct get, in a batch, and has what it has: a beginning of the log without holes.
 * What it lacks only the leader knows; it is asked message by message, for what the replica did not bring.
 * Where there is one copy, it is the leader.
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
const BATCH_MAX = 1_000;
const END_OF_BATCH = 204;
const NOT_FOUND = 404;

export function createReads(requests: Requests, api: JetStreamApi, replicas: number): Reads {
  return {
    async read(wanted, leader) {
      const page = await directPage(requests, wanted);
      if (!page.exhausted || page.last >= wanted.upTo) return readOf(wanted, page, page.exhausted);
      if (replicas === 1) return readOf(wanted, page, true);
      if (!leader) return readOf(wanted, page, false);
      return readOf(wanted, page, await leaderRest(api, wanted, page));
    },
  };
}

function readOf({ after, upTo }: Wanted, page: Page, complete: boolean): Read {
  if (complete || page.last >= upTo) return { entries: page.entries, through: upTo };
  return { entries: page.entries, through: page.entries.at(-1)?.position ?? after };
}

async function directPage(requests: Requests, wanted: Wanted): Promise<Page> {
  const page: Page = { entries: [], bytes: 0, last: wanted.after, exhausted: false, broken: false };
  const question = {
    seq: wanted.after + 1,
    next_by_subj: wanted.subject,
    batch: BATCH_MAX,
    max_bytes: wanted.bytesMax,
  };
  const data = Buffer.from(JSON.stringify(question));
  await requests.many(`$JS.API.DIRECT.GET.${wanted.stream}`, data, ANSWER_MS_MAX, (message) =>
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
  while (page.last < wanted.upTo && (page.bytes < wanted.bytesMax || page.entries.length === 0)) {
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
