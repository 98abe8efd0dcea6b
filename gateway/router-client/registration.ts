/**
 * Registration: how one partition's owner knows this gateway, and whether everything it delivered has come.
 *
 *     unowned ──lease──▶ announcing ──answer──▶ registered
 *                            ▲ └── anew ──────────────┘
 *
 * The owner numbers what it delivers under a registration from 1. A number missed, another registration in a
 * beat's answer, a higher term, a beat without an answer: each means that something may have been lost, and the
 * cure is always the same, to announce anew with the cursors.
 *
 * Pure. `router-client.ts` drives one per partition.
 */

import type { DeliverySection, PartitionLease } from '#wire/nodes.ts';

export interface Registration {
  readonly phase: 'unowned' | 'announcing' | 'registered';
  readonly router: string;
  readonly term: number;
  /** The owner's number of it; 0 while announcing. */
  readonly registration: number;
  readonly epoch: string;
  /** The last delivery that came. */
  readonly number: number;
}

export const unowned: Registration = {
  phase: 'unowned',
  router: '',
  term: 0,
  registration: 0,
  epoch: '',
  number: 0,
};

/** A lease as the store shows it: a higher term is another owner. */
export function leaseSeen(state: Registration, lease: PartitionLease | undefined): Registration {
  if (lease === undefined || lease.released) return state;
  if (lease.term < state.term || (lease.term === state.term && state.phase !== 'unowned')) return state;
  return {
    phase: 'announcing',
    router: lease.router,
    term: lease.term,
    registration: 0,
    epoch: '',
    number: 0,
  };
}

/**
 * The lease is gone, and the store with it, as an owner leaves its lease behind: terms may begin below those known,
 * as the wall clock of the next owner may lie behind. What the past owner still delivers is stale.
 */
export function leaseGone(): Registration {
  return unowned;
}

/** The owner has answered the whole announcement. */
export function announced(
  state: Registration,
  term: number,
  registration: number,
  epoch: string,
): Registration {
  return state.phase === 'announcing' && state.term === term
    ? { ...state, phase: 'registered', registration, epoch, number: 0 }
    : state;
}

/** Back to announcing, to the same owner. */
export function anew(state: Registration): Registration {
  return state.phase === 'registered' ? { ...state, phase: 'announcing', registration: 0, number: 0 } : state;
}

export type SectionVerdict =
  /** The next one: hand it on. */
  | 'next'
  /** Of the owner announced to, whose answer has not been read yet: keep it. */
  | 'early'
  /** Of a past owner or registration, or come before. */
  | 'stale'
  /** One before it is missing. */
  | 'hole';

export function sectionVerdict(state: Registration, section: DeliverySection): SectionVerdict {
  if (section.term !== state.term) return 'stale';
  if (state.phase === 'announcing') return 'early';
  if (state.phase === 'unowned' || section.registration !== state.registration) return 'stale';
  if (section.number <= state.number) return 'stale';
  return section.number === state.number + 1 ? 'next' : 'hole';
}

/** After a section that was next. */
export function taken(state: Registration): Registration {
  return { ...state, number: state.number + 1 };
}

/** Whether what the owner says in a beat's answer is what this gateway has. */
export function agrees(state: Registration, term: number, registration: number, number: number): boolean {
  if (state.phase !== 'registered' || term !== state.term) return true;
  return registration === state.registration && number <= state.number;
}
