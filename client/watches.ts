/**
 * Watches: the channels whose presence this client follows, across flows and sessions.
 */

import type { Abortable, Off, PresenceChange, SnowshedError } from './api.ts';
import { type PresenceMessage, told, unseen, type Watched } from './presence.ts';
import { errorOf, type Requests, unlessAborted } from './requests.ts';

type Handler = (change: PresenceChange) => void;

interface Watch {
  readonly handlers: Set<Handler>;
  watched: Watched;
  /** A full list has come. */
  known: boolean;
  /** The answer to the first request for it. */
  begun: Promise<void>;
  /** A request for it waits for its answer, and is repeated with all that do. */
  asking: boolean;
}

export interface Watches {
  watch(channel: string, handler: Handler, options?: Abortable): Promise<Off>;
  received(message: PresenceMessage): PresenceChange | undefined;
  /** A flow was welcomed, and knows of no watches. */
  renew(): void;
}

export function createWatches(
  requests: Requests,
  call: (handler: Handler, change: PresenceChange) => void,
  trouble: (error: SnowshedError) => void,
): Watches {
  const watches = new Map<string, Watch>();

  function start(channel: string): Watch {
    const begun = Promise.resolve();
    const watch: Watch = { handlers: new Set(), watched: unseen, known: false, begun, asking: false };
    watches.set(channel, watch);
    watch.begun = begin(channel, watch);
    return watch;
  }

  async function begin(channel: string, watch: Watch, own = false): Promise<void> {
    watch.asking = true;
    try {
      await requests.ask({ type: 'presence.watch', channel }, { lane: `watch ${channel}`, own });
    } catch (error) {
      // Nobody hears of it any more: then it was refused for that.
      if (watches.get(channel) !== watch) return;
      watches.delete(channel);
      throw error;
    } finally {
      watch.asking = false;
    }
  }

  function off(channel: string, watch: Watch, handler: Handler): void {
    watch.handlers.delete(handler);
    if (watch.handlers.size > 0 || watches.get(channel) !== watch) return;
    watches.delete(channel);
    // Whoever does not want to hear of a channel need not hear how that went.
    requests.ask({ type: 'presence.unwatch', channel }, { lane: `watch ${channel}` }).catch(() => {});
  }

  return {
    async watch(channel, given, { signal } = {}) {
      // One of its own, as the app may give the same twice.
      const handler: Handler = (change) => given(change);
      if (signal?.aborted) throw errorOf('ABORTED');
      const watch = watches.get(channel) ?? start(channel);
      watch.handlers.add(handler);
      if (watch.known) {
        const members = [...watch.watched.members.values()];
        call(handler, { channel, members, present: members, gone: [] });
      }
      try {
        await unlessAborted(watch.begun, signal);
      } catch (error) {
        off(channel, watch, handler);
        throw error;
      }
      return () => off(channel, watch, handler);
    },
    received(message) {
      const watch = watches.get(message.channel);
      if (watch === undefined) return undefined;
      const [watched, change] = told(watch.watched, message);
      watch.watched = watched;
      if (change === undefined) return undefined;
      watch.known = true;
      for (const handler of [...watch.handlers]) call(handler, change);
      return change;
    },
    renew() {
      for (const [channel, watch] of watches) {
        watch.watched = { members: watch.watched.members, parts: undefined };
        if (!watch.asking) begin(channel, watch, true).catch(trouble);
      }
    },
  };
}
