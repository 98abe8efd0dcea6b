/** NATS journal: a stream of its own, followed from its first entry. */

import type { ApiError } from '@nats-io/jetstream';
import type { Cancel } from '#runtime/clock.ts';
import { BusUnavailable, type Journal } from '../seams.ts';
import type { Followers } from './follower.ts';
import type { Requests } from './requests.ts';
import { JOURNAL_STREAM, JOURNAL_SUBJECT } from './stream-settings.ts';

const ANSWER_MS_MAX = 5_000;

export function createNatsJournal(requests: Requests, followers: Followers): Journal {
  return {
    async append(data) {
      const answer = await requests.one(JOURNAL_SUBJECT, data, ANSWER_MS_MAX);
      const ack = JSON.parse(Buffer.from(answer).toString()) as { error?: ApiError; seq: number };
      if (ack.error !== undefined) throw new BusUnavailable(`journal: ${ack.error.description}`);
      return ack.seq;
    },
    follow(sink) {
      let cancel: Cancel = () => undefined;
      function follow(): void {
        const followed = {
          stream: JOURNAL_STREAM,
          filters: [JOURNAL_SUBJECT],
          from: 'sequence',
          after: 0,
        } as const;
        cancel = followers.follow(followed, {
          message: (message, { position }) => sink.entry({ sequence: position, data: message.data }),
          caughtUp: () => sink.caughtUp(),
          anew: follow,
        });
      }
      follow();
      return () => cancel();
    },
  };
}
