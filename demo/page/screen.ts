/**
 * Screen: all that is shown of a phone, as one value; who changes a part of it has it shown anew.
 */

import { type CallState, idle } from './call.ts';
import type { Ladder } from './ladder.ts';
import type { Person } from './people.ts';
import type { Party } from './signals.ts';

export interface PhoneView {
  readonly me: Party;
  readonly call: CallState;
  /** Of this call, or else of the last one. */
  readonly ladder: Ladder | undefined;
  readonly people: readonly Person[];
  /** Other devices of one's own. */
  readonly siblings: number;
  readonly muted: boolean;
  /** A test pattern is sent instead of a camera's picture. */
  readonly isPattern: boolean;
  readonly ownStream: MediaStream | undefined;
  readonly peerStream: MediaStream | undefined;
}

export interface Screen {
  readonly view: PhoneView;
  show(change: Partial<PhoneView>): void;
}

export function createScreen(me: Party, changed: (view: PhoneView) => void): Screen {
  let view: PhoneView = {
    me,
    call: idle,
    ladder: undefined,
    people: [],
    siblings: 0,
    muted: false,
    isPattern: false,
    ownStream: undefined,
    peerStream: undefined,
  };
  return {
    get view() {
      return view;
    },
    show(change) {
      view = { ...view, ...change };
      changed(view);
    },
  };
}
