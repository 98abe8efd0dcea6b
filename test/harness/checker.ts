/**
 * Checker: judges a history of deliveries by the promises P1, P2 and P3, knowing nothing of the service.
 *
 * P1 (lost, gap): every acknowledged frame is at every session that is owed it, and where the service
 * says `gap` that is reported as well. P2 (twice, order, sender order, log order): each session has each
 * frame once, positions grow, and one sender's frames to a channel come and lie in the order it sent them.
 * P3 (stranger): whatever arrives was sent, by the one it names, to this session, with this body.
 */

import type { Asked, Coming, History, Outage, Owed, Receipt, ReportedGap, SentFrame } from './history.ts';

export type Rule =
  | 'lost'
  | 'gap'
  | 'twice'
  | 'order'
  | 'sender-order'
  | 'log-order'
  | 'position'
  | 'stranger'
  | 'not-owed'
  | 'presence';

export interface Finding {
  readonly rule: Rule;
  readonly session: string;
  readonly channel: string;
  readonly text: string;
}

/**
 * Everything that is wrong with a history; nothing, if it keeps the promises.
 *
 * @param goneAfterMs within which the service may still tell of an absence that has ended; without it nothing is
 * asked of presence.
 */
export function findings(history: History, goneAfterMs?: number): readonly Finding[] {
  const sent = new Map(history.sent.map((frame) => [keyOf(frame.channel, frame), frame]));
  const bySession = grouped(history.received, (receipt) => receipt.session);
  const owed = grouped(history.owed, (entry) => entry.session);
  const asked = grouped(history.asked, (entry) => entry.session);
  return [
    ...misplaced(history.sent),
    ...[...bySession].flatMap(([session, receipts]) => [
      ...outOfOrder(session, receipts),
      ...twice(session, receipts),
      ...strangers(session, receipts, sent, [...(owed.get(session) ?? []), ...(asked.get(session) ?? [])]),
    ]),
    ...lost(history, bySession),
    ...history.gaps.map(gapFinding),
    ...(goneAfterMs === undefined ? [] : saidGone(history, goneAfterMs)),
  ];
}

/** When a session was there and when not, for whoever looks into a finding. */
export function lifeOf({ comings }: History, session: string): string {
  const own = comings.filter((coming) => coming.session === session);
  return own.map(({ here, url, atMs }) => `${here ? `at ${url}` : 'away'} ${Math.round(atMs)}`).join(', ');
}

/** Findings as text, the first few in full; what an assertion prints. */
export function reportOf(all: readonly Finding[], shownMax = 20): string {
  const counts = [...grouped(all, (finding) => finding.rule)].map(([rule, some]) => `${some.length} ${rule}`);
  const shown = all.slice(0, shownMax).map(({ rule, session, channel, text }) => {
    return `  ${rule}: session ${session}, channel ${channel}: ${text}`;
  });
  return [`${all.length} findings (${counts.join(', ')})`, ...shown].join('\n');
}

/** A frame is known by its sender's device and its id, within its channel. */
function keyOf(channel: string, frame: { user: string; device: string; id: string }): string {
  return `${channel} ${frame.user} ${frame.device} ${frame.id}`;
}

function keyOfReceipt(receipt: Receipt): string {
  return keyOf(receipt.channel, { ...receipt.from, id: receipt.id });
}

/** Two frames at one position, or one sender's frames in the log in another order than it sent them. */
function misplaced(sent: readonly SentFrame[]): Finding[] {
  const found: Finding[] = [];
  const holders = new Map<string, SentFrame>();
  const last = new Map<string, SentFrame>();
  for (const frame of sent) {
    if (frame.position === undefined) continue;
    const { session, channel } = frame;
    const place = `${channel} ${frame.position}`;
    const holder = holders.get(place);
    if (holder !== undefined) {
      found.push({ rule: 'position', session, channel, text: `${frame.id} and ${holder.id} at ${place}` });
    }
    holders.set(place, frame);
    const before = last.get(`${session} ${channel}`);
    if (before !== undefined && (before.position as number) >= frame.position) {
      const text = `number ${frame.number} at ${frame.position}, number ${before.number} at ${before.position}; ${frame.story.join(', ')}; before it: ${before.story.join(', ')}`;
      found.push({ rule: 'log-order', session, channel, text });
    }
    last.set(`${session} ${channel}`, frame);
  }
  return found;
}

function outOfOrder(session: string, receipts: readonly Receipt[]): Finding[] {
  const found: Finding[] = [];
  const last = new Map<string, number>();
  for (const { channel, epoch, position } of receipts) {
    // Volatile frames have no position.
    if (position === 0) continue;
    const key = `${channel} ${epoch}`;
    const before = last.get(key);
    if (before !== undefined && position < before) {
      found.push({ rule: 'order', session, channel, text: `${position} came after ${before}` });
    }
    last.set(key, Math.max(before ?? 0, position));
  }
  return found;
}

/** The same position twice, or the same frame at two positions. */
function twice(session: string, receipts: readonly Receipt[]): Finding[] {
  const found: Finding[] = [];
  const seen = new Map<string, Receipt>();
  for (const receipt of receipts) {
    const { channel, epoch, position } = receipt;
    const frame = `frame ${keyOfReceipt(receipt)}`;
    for (const key of position === 0 ? [frame] : [`${channel} ${epoch} ${position}`, frame]) {
      const first = seen.get(key);
      if (first === undefined) seen.set(key, receipt);
      else {
        const [before, now] = [first, receipt].map(({ atMs }) => `${Math.round(atMs)} ms`);
        const text = `${receipt.id} at ${position} after ${now}, and ${first.id} at ${first.position} after ${before}`;
        found.push({ rule: 'twice', session, channel, text });
        break;
      }
    }
  }
  return found;
}

/** What nobody sent so, what another was to get, and what one sender sent in another order. */
function strangers(
  session: string,
  receipts: readonly Receipt[],
  sent: ReadonlyMap<string, SentFrame>,
  on: readonly (Owed | Asked)[],
): Finding[] {
  const found: Finding[] = [];
  const last = new Map<string, number>();
  for (const receipt of receipts) {
    const { channel } = receipt;
    const frame = sent.get(keyOfReceipt(receipt));
    const stranger = strangeness(receipt, frame);
    if (stranger !== undefined) found.push({ rule: 'stranger', session, channel, text: stranger });
    if (frame === undefined) continue;
    const reason = notOwed(receipt, frame, on);
    if (reason !== undefined) found.push({ rule: 'not-owed', session, channel, text: reason });
    const key = `${channel} ${frame.session}`;
    const before = last.get(key) ?? 0;
    if (frame.number < before) {
      const text = `${frame.id}, number ${frame.number} of ${frame.session}, came after its number ${before}; ${frame.story.join(', ')}`;
      found.push({ rule: 'sender-order', session, channel, text });
    }
    last.set(key, Math.max(before, frame.number));
  }
  return found;
}

function strangeness(receipt: Receipt, frame: SentFrame | undefined): string | undefined {
  const what = `${receipt.id} of ${receipt.from.user}/${receipt.from.device}`;
  if (frame === undefined) return `${what} was never sent`;
  if (frame.session !== receipt.from.session) return `${what} was sent by session ${frame.session}`;
  if (frame.body !== receipt.body) return `${what} has another body`;
  if (frame.position !== undefined && frame.position !== receipt.position) {
    return `${what} was acknowledged at ${frame.position} and came at ${receipt.position}`;
  }
  return undefined;
}

/**
 * A channel that was asked for brings its frames from then on, whether the answer has come, is still to come
 * or was lost with its flow; what came before that is as wrong as what was never asked for.
 */
function notOwed(receipt: Receipt, frame: SentFrame, on: readonly (Owed | Asked)[]): string | undefined {
  const entries = on.filter(({ channel }) => channel === receipt.channel);
  const [entry] = entries;
  if (entry === undefined) return `${receipt.id}: the session is not on this channel`;
  const askedMs = entries.find((one) => 'atMs' in one)?.atMs;
  if (askedMs !== undefined && receipt.atMs < askedMs)
    return `${receipt.id} came before the channel was asked for`;
  if (!isAddressed(frame, entry)) return `${receipt.id} is its own or for another device or session`;
  return undefined;
}

/** Whether a frame of the channel is meant for this session: not its own, not narrowed to another. */
function isAddressed(frame: SentFrame, to: Owed | Asked): boolean {
  if (frame.session === to.session) return false;
  if (frame.toDevice !== undefined && frame.toDevice !== to.device) return false;
  return frame.toSession === undefined || frame.toSession === to.session;
}

function lost(history: History, received: ReadonlyMap<string, readonly Receipt[]>): Finding[] {
  const found: Finding[] = [];
  const acknowledged = grouped(
    history.sent.filter((frame) => frame.position !== undefined),
    (frame) => frame.channel,
  );
  for (const owed of history.owed) {
    const { session, channel } = owed;
    const own = (received.get(session) ?? []).filter((receipt) => receipt.channel === channel);
    const has = new Set(own.map((receipt) => keyOfReceipt(receipt)));
    for (const frame of acknowledged.get(channel) ?? []) {
      const position = frame.position as number;
      if (position <= owed.after || position > owed.until) continue;
      if (!isAddressed(frame, owed) || has.has(keyOf(channel, frame))) continue;
      const when = `at ${position} after ${Math.round(frame.acknowledgedMs)} ms`;
      const what = `${frame.id}, number ${frame.number} of ${frame.session}, acknowledged ${when}`;
      const text = `${what}; ${around(own, position)}; ${frame.story.join(', ')}`;
      found.push({ rule: 'lost', session, channel, text });
    }
  }
  return found;
}

/** What came of the channel before a position and after it, and when. */
function around(receipts: readonly Receipt[], position: number): string {
  const before = receipts.findLast((receipt) => receipt.position < position);
  const after = receipts.find((receipt) => receipt.position > position);
  const told = (receipt: Receipt | undefined) =>
    receipt === undefined ? 'nothing' : `${receipt.position} at ${Math.round(receipt.atMs)} ms`;
  return `before it came ${told(before)}, after it ${told(after)}`;
}

/**
 * Whoever was there all the time is not told to be gone: not within so long before it is told, at a gateway that was
 * well, to one whose gateway was well. What was true a moment ago comes late to a gateway that was cut off.
 */
function saidGone({ comings, outages, toldGone }: History, goneAfterMs: number): Finding[] {
  const bySession = grouped(comings, ({ session }) => session);
  const wasWell = (session: string, fromMs: number, atMs: number) => {
    const there = stay(bySession.get(session) ?? [], atMs);
    const urls = there.filter((_, i) => (there[i + 1]?.atMs ?? atMs) >= fromMs).map(({ url }) => url);
    const hit = outages.some(
      (outage) => overlaps(outage, fromMs, atMs) && (outage.url === undefined || urls.includes(outage.url)),
    );
    return { sinceMs: there[0]?.atMs ?? Number.POSITIVE_INFINITY, hit };
  };
  return toldGone
    .filter(({ session, watcher, atMs }) => {
      const fromMs = atMs - goneAfterMs;
      const said = wasWell(session, fromMs, atMs);
      return said.sinceMs < fromMs && !said.hit && !wasWell(watcher, fromMs, atMs).hit;
    })
    .map(({ watcher, channel, session, atMs }) => {
      const text = `said to be gone at ${Math.round(atMs)} ms, though it was there for ${goneAfterMs} ms`;
      return { rule: 'presence', session, channel, text: `${text}; told to ${watcher}` };
    });
}

/** The flows that a session stood on, one after the other, since it was last away. */
function stay(comings: readonly Coming[], atMs: number): readonly Coming[] {
  const past = comings.filter((coming) => coming.atMs <= atMs);
  return past.slice(past.findLastIndex(({ here }) => !here) + 1);
}

function overlaps(outage: Outage, fromMs: number, atMs: number): boolean {
  return outage.fromMs <= atMs && outage.untilMs >= fromMs;
}

function gapFinding({ session, channel, epoch, from, to }: ReportedGap): Finding {
  return { rule: 'gap', session, channel, text: `the service says so: (${from}, ${to}] of epoch ${epoch}` };
}

function grouped<Item>(items: readonly Item[], keyOfItem: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOfItem(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
