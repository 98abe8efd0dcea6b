/**
 * JetStream API: the few requests that streams and consumers are managed with, as JSON over the bus.
 *
 * @see ADR-1 and the reference in the NATS documentation, "JetStream wire API".
 */

import type { ApiError, ConsumerConfig, ConsumerInfo, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import type { Requests } from './requests.ts';

export type ApiOutcome<Answer> =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly error: ApiError };

/** A message as the stream's leader gives it. */
export interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  readonly time: string;
  /** Base64. */
  readonly data?: string;
  readonly hdrs?: string;
}

/** Every request rejects with `BusUnavailable` where no answer came. */
export interface JetStreamApi {
  streamInfo(stream: string): Promise<ApiOutcome<StreamInfo>>;
  createStream(config: Partial<StreamConfig> & { name: string }): Promise<ApiOutcome<StreamInfo>>;
  createConsumer(
    stream: string,
    config: Partial<ConsumerConfig> & { name: string },
  ): Promise<ApiOutcome<ConsumerInfo>>;
  deleteConsumer(stream: string, consumer: string): Promise<ApiOutcome<object>>;
  /** Of the leader: the first message of `subject` at or past `seq`. */
  nextMessage(stream: string, subject: string, seq: number): Promise<ApiOutcome<{ message: StoredMessage }>>;
  /** Of the leader: the last message of `subject`. */
  lastMessage(stream: string, subject: string): Promise<ApiOutcome<{ message: StoredMessage }>>;
}

/** Codes of `ApiError.err_code` that are answers, not accidents. */
export const apiCodes = {
  streamNameInUse: 10058,
  streamNotFound: 10059,
  messageNotFound: 10037,
  wrongLastSequence: 10071,
  wrongLastSequenceConstant: 10164,
} as const;

const ANSWER_MS_MAX = 2_000;
/** The servers of a cluster agree on a new stream first. */
const CREATE_MS_MAX = 5_000;
const nothing = new Uint8Array(0);

/** A consumer with one filter names it in the subject, so that what an account may read can be bounded by it. */
function filterToken({ filter_subject: filter }: Partial<ConsumerConfig>): string {
  return filter === undefined ? '' : `.${filter}`;
}

export function createJetStreamApi(requests: Requests): JetStreamApi {
  async function ask<Answer>(
    verb: string,
    body?: object,
    timeoutMs = ANSWER_MS_MAX,
  ): Promise<ApiOutcome<Answer>> {
    const data = body === undefined ? nothing : Buffer.from(JSON.stringify(body));
    const bytes = await requests.one(`$JS.API.${verb}`, data, timeoutMs);
    const answer = JSON.parse(Buffer.from(bytes).toString()) as Answer & { error?: ApiError };
    return answer.error === undefined ? { ok: true, answer } : { ok: false, error: answer.error };
  }

  return {
    streamInfo: (stream) => ask(`STREAM.INFO.${stream}`),
    createStream: (config) => ask(`STREAM.CREATE.${config.name}`, config, CREATE_MS_MAX),
    createConsumer: (stream, config) =>
      ask(
        `CONSUMER.CREATE.${stream}.${config.name}${filterToken(config)}`,
        { stream_name: stream, config, action: 'create' },
        CREATE_MS_MAX,
      ),
    deleteConsumer: (stream, consumer) => ask(`CONSUMER.DELETE.${stream}.${consumer}`),
    nextMessage: (stream, subject, seq) => ask(`STREAM.MSG.GET.${stream}`, { seq, next_by_subj: subject }),
    lastMessage: (stream, subject) => ask(`STREAM.MSG.GET.${stream}`, { last_by_subj: subject }),
  };
}
