/**
 * Emitter: typed events; a handler that throws is reported as uncaught, and the others are still called.
 */

import type { Off } from './api.ts';

export interface Emitter<Events> {
  on<Name extends keyof Events>(event: Name, handler: (event: Events[Name]) => void): Off;
  emit<Name extends keyof Events>(event: Name, value: Events[Name]): void;
}

export function createEmitter<Events>(): Emitter<Events> {
  const handlers = new Map<keyof Events, Set<(event: never) => void>>();
  return {
    on(event, handler) {
      const set = handlers.get(event) ?? new Set();
      // One of its own, as the app may give the same twice.
      const own: typeof handler = (value) => handler(value);
      handlers.set(event, set.add(own));
      return () => set.delete(own);
    },
    emit(event, value) {
      for (const handler of [...(handlers.get(event) ?? [])])
        call(handler as (event: typeof value) => void, value);
    },
  };
}

/** Calls into the app: what it throws is its own, and must not stop this client. */
export function call<Value>(handler: (value: Value) => void, value: Value): void {
  try {
    handler(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
