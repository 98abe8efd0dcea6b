/**
 * Members: who is present on a channel, as its router says; asked again until one answers that knows.
 */

import { BusUnavailable, type Post } from '#bus/seams.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Channel } from '#wire/channels.ts';
import { NODE_VERSION } from '#wire/limits.ts';
import { encodeNodeMessage, type PresenceAnswer } from '#wire/nodes.ts';
import { routerSubject } from '#wire/subjects.ts';

export interface MembersDeps {
  readonly post: Post;
  readonly clock: Clock;
  /** The owner of the channel's partition, or nothing where none is known. */
  routerOf(channel: Channel): string;
  decoded(data: Uint8Array): PresenceAnswer | undefined;
}

export type Members = Extract<PresenceAnswer, { members: unknown }>;

const ANSWER_MS = 2_000;
const RETRY_MS = 250;
/** How long to ask who is present: a new owner does not know until every gateway has announced itself, or for 3 s. */
const ASKED_MS = 5_000;

export async function membersOf(deps: MembersDeps, channel: Channel): Promise<Members> {
  const { post, clock } = deps;
  const request = encodeNodeMessage({ v: NODE_VERSION, channel });
  const untilMs = clock.monotonicMs() + ASKED_MS;
  while (clock.monotonicMs() < untilMs) {
    const router = deps.routerOf(channel);
    const answer =
      router === ''
        ? undefined
        : await post
            .request(routerSubject(router, 'presence'), request, ANSWER_MS)
            .then(deps.decoded, nothing);
    if (answer !== undefined && 'members' in answer) return answer;
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
  }
  throw new BusUnavailable('no router answers for the channel');
}

function nothing(): undefined {
  return undefined;
}
