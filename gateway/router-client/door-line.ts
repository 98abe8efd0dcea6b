/**
 * Door line: reports the load of this gateway to all routers, and hears what the one that decides says to its door.
 *
 * News of an older term, or of a window that has passed, change nothing: another router decides now, or they were held up.
 */

import type { Post } from '#bus/seams.ts';
import type { Cancel, Clock } from '#runtime/clock.ts';
import { type DoorNews, encodeAdmission, type LoadReport, readDoorNews } from '#wire/admission.ts';
import { doorSubject, LOADS_SUBJECT } from '#wire/subjects.ts';

export interface DoorLineDeps {
  readonly gateway: string;
  readonly post: Post;
  readonly clock: Clock;
  report(): LoadReport;
  news(news: DoorNews): void;
  readonly faults: { inc(labels: { cause: 'version' | 'malformed' }): void };
}

const REPORT_MS = 250;
/** After this whoever decides is heard: where the leases were lost, terms begin anew. */
const SILENT_MS = 3_000;

export function createDoorLine({ gateway, post, clock, report, news, faults }: DoorLineDeps) {
  let term = 0;
  let window = -1;
  let heardAtMs = Number.NEGATIVE_INFINITY;
  let cancels: Cancel[] = [];

  function received(data: Uint8Array): void {
    const read = readDoorNews(data);
    if (typeof read === 'string') return faults.inc({ cause: read === 'VERSION' ? 'version' : 'malformed' });
    const nowMs = clock.monotonicMs();
    const isOlder = read.term < term && nowMs - heardAtMs <= SILENT_MS;
    if (isOlder || (read.term === term && read.window <= window)) return;
    heardAtMs = nowMs;
    term = read.term;
    window = read.window;
    news(read);
  }

  return {
    start(): void {
      cancels = [
        post.subscribe(doorSubject(gateway), received),
        clock.every(REPORT_MS, () => void post.publish(LOADS_SUBJECT, encodeAdmission(report()))),
      ];
    },
    /** Of the router that decides; `undefined`: none was heard for 3 s, and this gateway goes on by itself. */
    term: () => (clock.monotonicMs() - heardAtMs <= SILENT_MS ? term : undefined),
    /** The last word, for instance that this gateway goes away. */
    say: () => void post.publish(LOADS_SUBJECT, encodeAdmission(report())),
    stop(): void {
      for (const cancel of cancels.splice(0)) cancel();
    },
  };
}
