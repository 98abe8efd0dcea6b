/**
 * Memory: what a client keeps across a reload of its page, so that it goes on with the session it had.
 *
 * In a page it is taken out when the client starts and laid back when the page is about to be gone: a tab
 * that is duplicated then begins a session of its own instead of fighting over the one. Elsewhere it is laid
 * back a second after each change.
 */

import type { Cursor } from '#wire/messages.ts';
import type { Off, StateStorage } from './api.ts';
import { isCursor } from './cursors.ts';
import type { Platform } from './platform.ts';

export interface Remembered {
  readonly resume?: string | undefined;
  readonly cursors: readonly Cursor[];
}

const DEVICE_KEY = 'snowshed:device';
const KEEP_MS = 1_000;

/** The id of this installation: the one kept, or a new one. */
export function deviceId({ keep: storage, id }: Platform): string {
  const made = id();
  try {
    const kept = storage?.getItem(DEVICE_KEY);
    if (kept) return kept;
    storage?.setItem(DEVICE_KEY, made);
  } catch {}
  return made;
}

export interface Memory {
  readonly recalled: Remembered;
  /** There may be something new to keep. */
  changed(): void;
  close(): void;
}

/** @param current what to keep now. */
export function createMemory(
  storage: StateStorage | undefined,
  key: string,
  platform: Platform,
  current: () => Remembered,
): Memory {
  if (storage === undefined) return { recalled: { cursors: [] }, changed() {}, close() {} };
  const recalled = takenOut(storage, key);
  let cancel: Off | undefined;
  const layBack = () => {
    cancel = undefined;
    laidBack(storage, key, current());
  };
  const off = platform.watch((news) => {
    if (news === 'hidden') layBack();
    if (news === 'shown') takenOut(storage, key);
  });
  return {
    recalled,
    changed() {
      if (!platform.page) cancel ??= platform.after(KEEP_MS, layBack);
    },
    close() {
      off();
      cancel?.();
      cancel = off;
      takenOut(storage, key);
    },
  };
}

function takenOut(storage: StateStorage, key: string): Remembered {
  try {
    const text = storage.getItem(key);
    storage.removeItem(key);
    const { resume, cursors } = JSON.parse(text ?? '{}');
    return {
      resume: typeof resume === 'string' ? resume : undefined,
      cursors: Array.isArray(cursors) ? cursors.filter(isCursor) : [],
    };
  } catch {
    return { cursors: [] };
  }
}

/** A storage may be full or closed to this page; the session is then simply not kept. */
function laidBack(storage: StateStorage, key: string, remembered: Remembered): void {
  try {
    storage.setItem(key, JSON.stringify(remembered));
  } catch {}
}
