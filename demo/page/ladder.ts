/**
 * Ladder: the signaling of one call as a sequence diagram, as this device saw it.
 *
 * Three lanes: caller, service, callee. A rung is a frame with what is known of it: of one's own frames
 * how long the service took to acknowledge them, of the others' how long they were under way. Candidates
 * come in bursts, so those that follow one another are one rung. A note spans all lanes.
 *
 * Pure. `phone.ts` adds rungs, `ladder-view.ts` draws them.
 */

export type Lane = 'caller' | 'service' | 'callee';

export interface Rung {
  readonly type: 'rung';
  /** The frames of this rung. */
  readonly ids: readonly string[];
  readonly kind: string;
  readonly from: Lane;
  readonly to: Lane;
  readonly atMs: number;
  readonly state: 'sending' | 'stored' | 'refused' | 'received';
  /** From sending to acknowledgment, or from the sender's gateway to here; the longest of the rung. */
  readonly ms?: number;
  readonly fault?: string;
}

export interface Note {
  readonly type: 'note';
  readonly text: string;
  readonly tone: 'good' | 'bad' | 'plain';
  readonly atMs: number;
}

export interface Ladder {
  readonly caller: string;
  readonly callee: string;
  readonly startMs: number;
  readonly rows: readonly (Rung | Note)[];
}

const ROWS_MAX = 200;

export function emptyLadder(caller: string, callee: string, startMs: number): Ladder {
  return { caller, callee, startMs, rows: [] };
}

/** A frame left this device. `to` is the service alone where it is meant for one's own other devices. */
export function sent(ladder: Ladder, id: string, kind: string, from: Lane, to: Lane, nowMs: number): Ladder {
  return withRung(ladder, rungOf(ladder, id, kind, from, to, 'sending', nowMs));
}

export function received(
  ladder: Ladder,
  kind: string,
  from: Lane,
  to: Lane,
  ms: number,
  nowMs: number,
): Ladder {
  return withRung(ladder, { ...rungOf(ladder, `${kind}@${nowMs}`, kind, from, to, 'received', nowMs), ms });
}

function rungOf(
  ladder: Ladder,
  id: string,
  kind: string,
  from: Lane,
  to: Lane,
  state: Rung['state'],
  nowMs: number,
): Rung {
  return { type: 'rung', ids: [id], kind, from, to, state, atMs: nowMs - ladder.startMs };
}

/** The service has it: from now on it is not lost. */
export function stored(ladder: Ladder, id: string, ms: number): Ladder {
  return withChange(ladder, id, (rung) => ({ ...rung, state: 'stored', ms: Math.max(rung.ms ?? 0, ms) }));
}

export function refused(ladder: Ladder, id: string, fault: string): Ladder {
  return withChange(ladder, id, (rung) => ({ ...rung, state: 'refused', fault }));
}

export function noted(ladder: Ladder, text: string, tone: Note['tone'], nowMs: number): Ladder {
  return withRow(ladder, { type: 'note', text, tone, atMs: nowMs - ladder.startMs });
}

function withRung(ladder: Ladder, rung: Rung): Ladder {
  const last = ladder.rows.at(-1);
  if (last?.type !== 'rung' || !isSameBurst(last, rung)) return withRow(ladder, rung);
  const ms = rung.ms === undefined ? last.ms : Math.max(last.ms ?? 0, rung.ms);
  const joined: Rung = {
    ...last,
    ids: [...last.ids, ...rung.ids],
    state: rung.state,
    ...(ms !== undefined && { ms }),
  };
  return { ...ladder, rows: [...ladder.rows.slice(0, -1), joined] };
}

function isSameBurst(last: Rung, rung: Rung): boolean {
  return (
    rung.kind === 'candidate' &&
    last.kind === 'candidate' &&
    last.from === rung.from &&
    last.state !== 'refused'
  );
}

function withRow(ladder: Ladder, row: Rung | Note): Ladder {
  return { ...ladder, rows: [...ladder.rows, row].slice(-ROWS_MAX) };
}

function withChange(ladder: Ladder, id: string, change: (rung: Rung) => Rung): Ladder {
  const rows = ladder.rows.map((row) => (row.type === 'rung' && row.ids.includes(id) ? change(row) : row));
  return { ...ladder, rows };
}
