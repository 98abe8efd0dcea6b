/**
 * Listen: hears what gateways report and what they are told, as routers do, without anybody noticing.
 */

import type { Post } from '#bus/seams.ts';
import type { Cancel, Clock } from '#runtime/clock.ts';
import { type DoorNews, type LoadReport, readDoorNews, readLoadReport } from '#wire/admission.ts';
import { DOORS_SUBJECT, doorSubject, LOADS_SUBJECT } from '#wire/subjects.ts';
import type { Heard } from './fleet.ts';

export interface Listening {
  readonly heard: ReadonlyMap<string, Heard>;
  /** Messages that could not be read. */
  readonly unreadable: number;
  /** Forgets the first report of each gateway, so that rates are those from here on. */
  beginAnew(): void;
  stop: Cancel;
}

/** A gateway that reported no more for so long is not shown any more. */
const GONE_MS = 10_000;
const DOOR_PREFIX = doorSubject('');

export function listen(post: Post, clock: Clock): Listening {
  const heard = new Map<string, Heard>();
  let unreadable = 0;

  function reported(report: LoadReport): void {
    const atMs = clock.monotonicMs();
    const before = heard.get(report.gateway);
    const { first, firstAtMs, news } = before ?? { first: report, firstAtMs: atMs, news: undefined };
    heard.set(report.gateway, { first, firstAtMs, last: report, lastAtMs: atMs, news });
  }

  function told(gateway: string, news: DoorNews): void {
    const before = heard.get(gateway);
    if (before === undefined || (before.news?.term ?? 0) > news.term) return;
    // What stands in some of the news only is kept from those before.
    heard.set(gateway, { ...before, news: { ...before.news, ...news } });
  }

  const cancels = [
    post.subscribe(LOADS_SUBJECT, (data) => {
      const report = readLoadReport(data);
      if (typeof report === 'string') unreadable++;
      else reported(report);
    }),
    post.subscribe(DOORS_SUBJECT, (data, subject) => {
      const news = readDoorNews(data);
      if (typeof news === 'string') unreadable++;
      else told(subject.slice(DOOR_PREFIX.length), news);
    }),
  ];
  return {
    heard,
    get unreadable() {
      return unreadable;
    },
    beginAnew() {
      const nowMs = clock.monotonicMs();
      for (const [gateway, one] of heard) {
        if (nowMs - one.lastAtMs > GONE_MS) heard.delete(gateway);
        else heard.set(gateway, { ...one, first: one.last, firstAtMs: one.lastAtMs });
      }
    },
    stop() {
      for (const cancel of cancels) cancel();
    },
  };
}
