/**
 * Poll bodies: what comes by POST where a WebSocket does not get through.
 *
 * A fault is one of five; a poll that is read is valid by its schema, and its messages are those it held, one by one.
 */

import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { Compile } from 'typebox/compile';
import { incomingPoll } from '#gateway/transports/poll-body.ts';
import { PollRequest } from '#wire/messages.ts';
import type { Target } from '../target.ts';

const messageBytesMax = 4_096;
const schema = Compile(PollRequest);

export function pollTarget(): Target {
  return {
    name: 'poll',
    judge(input) {
      const poll = incomingPoll(input, messageBytesMax);
      if (typeof poll === 'string') {
        assert(['INVALID_UTF8', 'MALFORMED', 'INVALID', 'TOO_DEEP', 'TOO_LARGE'].includes(poll), poll);
        assert.equal(poll === 'INVALID_UTF8', !isUtf8(input));
        return poll;
      }
      const request = JSON.parse(input.toString('utf8'));
      assert(schema.Check(request), 'accepted against the schema');
      const given: unknown[] = request.messages ?? [];
      assert.deepEqual(
        poll.messages.map((message) => Buffer.from(message).toString('utf8')),
        given.map((message) => JSON.stringify(message)),
      );
      assert(poll.messages.every((message) => message.byteLength <= messageBytesMax));
      const known = Object.keys(poll.request).filter((key) => Object.hasOwn(PollRequest.properties, key));
      return `read ${Math.min(3, given.length)} ${poll.greets} ${known.sort().join(' ')}`;
    },
  };
}
