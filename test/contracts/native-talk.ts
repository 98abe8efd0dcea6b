/**
 * Native talk: one flow of the native dialect in tests, its state and what comes out of it.
 */

import assert from 'node:assert/strict';
import { type NativeState, nativeDialect } from '#gateway/dialects/native/native.ts';
import type { DialectEffect, DialectEvent, Opening, Welcome } from '#gateway/seams.ts';

const from: Opening = {
  transport: 'websocket',
  address: '192.0.2.1',
  origin: undefined,
  secure: false,
  bearer: undefined,
};

export const welcome: Welcome = {
  session: 's1',
  user: 'bob',
  device: 'phone',
  resumed: false,
  resume: 'sealed',
  expiresAt: 1_800_000_000_000,
  spread: { gatewayMs: 300, fleetMs: 4_000 },
  pingMs: 25_000,
  cursors: [{ channel: 'u/bob', epoch: 'e', position: 0 }],
  limits: {
    messageBytes: 65_536,
    ttlMs: 86_400_000,
    repeatMs: 30_000,
    framesPerSecond: 50,
    framesBurst: 100,
    pending: 64,
    rooms: 256,
  },
};

/** One flow: its state, and what comes out of it. */
export class Talk {
  state: NativeState;
  readonly started: readonly DialectEffect[];

  constructor(opening: Partial<Opening> = {}) {
    [this.state, this.started] = nativeDialect.open({ ...from, ...opening }, 0);
  }

  event(event: DialectEvent): readonly DialectEffect[] {
    const [state, effects] = nativeDialect.step(this.state, event, 0);
    this.state = state;
    return effects;
  }

  says(message: unknown): readonly DialectEffect[] {
    return this.bytes(typeof message === 'string' ? message : JSON.stringify(message));
  }

  bytes(data: string | Uint8Array, binary = false): readonly DialectEffect[] {
    return this.event({ kind: 'message', data: Buffer.from(data as string), binary });
  }

  opened(): this {
    this.says({ type: 'hello', token: 't', device: 'phone' });
    this.event({ kind: 'authenticated', user: 'bob' });
    this.event({ kind: 'opened', welcome });
    assert.equal(this.state.phase, 'open');
    return this;
  }
}

export function sent(effects: readonly DialectEffect[]): readonly Record<string, unknown>[] {
  return effects.flatMap((effect) =>
    effect.kind === 'send' && typeof effect.data === 'string' ? [JSON.parse(effect.data)] : [],
  );
}
