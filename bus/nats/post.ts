/** NATS post: messages and requests between nodes, straight over the bus, stored nowhere. */

import assert from 'node:assert/strict';
import type { Cancel } from '#runtime/clock.ts';
import type { Arrivals, Received } from '../arrivals.ts';
import type { Post } from '../seams.ts';
import type { Connection } from './connection.ts';
import type { Requests } from './requests.ts';

export function createNatsPost(connection: Connection, requests: Requests, arrivals: Arrivals): Post {
  function listen(subject: string, received: Received): Cancel {
    let listening = true;
    const guarded: Received = (data, subject, reply) => {
      if (listening) received(data, subject, reply);
    };
    const unsubscribe = connection.subscribeLean(subject, (message) =>
      arrivals.message(guarded, message.data, message.subject, message.reply),
    );
    return () => {
      listening = false;
      unsubscribe();
    };
  }
  return {
    get connected() {
      return connection.connected;
    },
    get payloadBytesMax() {
      return connection.payloadBytesMax;
    },
    publish(subject, data) {
      assert(data.length <= connection.payloadBytesMax);
      return connection.publish(subject, data);
    },
    request: (subject, data, timeoutMs) => requests.one(subject, data, timeoutMs),
    subscribe: (subject, received) => listen(subject, received),
    answer: (subject, handler) =>
      listen(subject, (data, _subject, reply) => {
        const answer = handler(data);
        if (answer !== undefined && reply !== undefined && reply !== '') connection.publish(reply, answer);
      }),
    watchConnection: (changed) => connection.watch(changed),
  };
}
