/**
 * Spread telling: what clients are told of how to come back, and how those who are in hear of a change.
 *
 * Each is told in its `welcome`; when it changes, those who stand are told one after the other, in small pieces, so
 * that nobody's frames wait for it, and not while the door has other work.
 */

import type { Cancel, Clock } from '#runtime/clock.ts';
import type { Spread } from '#wire/messages.ts';
import type { FlowRecord } from './flow-record.ts';
import type { FlowTable } from './flow-table.ts';
import type { DialectEvent } from './seams.ts';

export interface SpreadTellingDeps {
  readonly clock: Clock;
  readonly flows: Pick<FlowTable, 'all'>;
  /** As configured, until a router says otherwise. */
  readonly configured: Spread;
  busy(): boolean;
  tell(record: FlowRecord, event: DialectEvent): void;
}

/** One part in twenty of the time at most: a piece of so long, so often. */
const PIECE_MS = 1;
const EVERY_MS = 20;

export function createSpreadTelling({ clock, flows, configured, busy, tell }: SpreadTellingDeps) {
  let spread = configured;
  /** Numbers what was told; 0: as configured. */
  let version = 0;
  /** What the pass that is under way began with. */
  let passVersion = 0;
  let left: Iterator<FlowRecord> | undefined;
  let cancel: Cancel | undefined;

  function changed(to: Spread): void {
    spread = to;
    version += 1;
    // Those behind a pass that is under way hear of it in that, those before it in the next.
    if (left === undefined) passBegins();
    cancel ??= clock.after(EVERY_MS, piece);
  }

  function piece(): void {
    cancel = undefined;
    if (!busy()) tellSome();
    if (left !== undefined) cancel = clock.after(EVERY_MS, piece);
  }

  function tellSome(): void {
    const untilMs = clock.monotonicMs() + PIECE_MS;
    do {
      const next = left!.next();
      if (next.done === true) return passed();
      tellOne(next.value);
    } while (clock.monotonicMs() < untilMs);
  }

  function passBegins(): void {
    left = flows.all()[Symbol.iterator]();
    passVersion = version;
  }

  function passed(): void {
    left = undefined;
    if (passVersion !== version) passBegins();
  }

  function tellOne(record: FlowRecord): void {
    if (record.spreadTold === version || record.session?.opening !== 0) return;
    record.spreadTold = version;
    tell(record, { kind: 'spread', spread });
  }

  return {
    changed,
    /** For a `welcome` to this flow. */
    forWelcome(record: FlowRecord): Spread {
      record.spreadTold = version;
      return spread;
    },
    /** What clients were told last by a router's word. */
    told: () => (version === 0 ? undefined : spread),
    stop: () => cancel?.(),
  };
}
