/**
 * Callers: sessions that call one another in pairs for as long as a load lasts, and come back when their gateway is gone.
 *
 * Each sends to its partner what a call is made of, and to the room that a group of callers shares. They judge nothing:
 * what becomes of the frames other tests ask, here only the metrics matter.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { type FaultCode, faults } from '#wire/faults.ts';
import { freshId, openWebSocketClient, type RawClient, type SendOptions } from '../harness/raw-client.ts';
import type { Issuer } from '../harness/tokens.ts';

export interface CallersOptions {
  readonly count: number;
  /** Between two frames of one caller. */
  readonly everyMs: number;
  readonly issuer: Issuer;
  urls(): readonly string[];
}

export interface Callers {
  /** Whoever of them is connected now. */
  present(): readonly RawClient[];
  stop(): Promise<void>;
}

const kinds = ['offer', 'answer', 'candidate', 'candidate', 'candidate', 'hangup'] as const;
const callersPerRoom = 8;
const awayMs = 200;
const againMs = 500;
const attemptsMax = 40;
const body = { sdp: 'v=0 '.repeat(50) };

type Target = { readonly user: string } | { readonly room: string };

export async function startCallers(options: CallersOptions): Promise<Callers> {
  const state: CallersState = { ...options, running: true, clients: new Map() };
  const welcomed = Array.from({ length: options.count }, () => Promise.withResolvers<void>());
  const lives = welcomed.map(({ resolve }, number) => live(state, number, resolve));
  await Promise.all(welcomed.map(({ promise }) => promise));
  return {
    present: () => [...state.clients.values()],
    async stop() {
      state.running = false;
      for (const client of state.clients.values()) client.cut();
      await Promise.all(lives);
    },
  };
}

interface CallersState extends CallersOptions {
  running: boolean;
  readonly clients: Map<number, RawClient>;
}

async function live(state: CallersState, number: number, welcomed: () => void): Promise<void> {
  let last: RawClient | undefined;
  for (let turn = number; state.running; turn++) {
    const client = await come(state, number, turn, last).catch(() => undefined);
    if (client !== undefined) {
      last = client;
      state.clients.set(number, client);
      welcomed();
      await Promise.race([talk(state, client, number), client.closed]);
      state.clients.delete(number);
      client.cut();
    }
    await pause(awayMs);
  }
}

/** At the next gateway, where the last flow was if there was one. */
async function come(
  { urls, issuer }: CallersState,
  number: number,
  turn: number,
  last: RawClient | undefined,
): Promise<RawClient> {
  const user = nameOf(number);
  const client = await openWebSocketClient(user, urls()[turn % urls().length] ?? '');
  try {
    await client.hello(last?.resumption() ?? { token: issuer.token(user), device: 'phone' });
    if (last === undefined) await client.request({ type: 'join', room: roomOf(number) });
  } catch (error) {
    client.cut();
    throw error;
  }
  return client;
}

async function talk({ everyMs, ...state }: CallersState, client: RawClient, number: number): Promise<void> {
  const partner = nameOf(number ^ 1);
  await pause((everyMs * number) / state.count);
  for (let i = 0; client.closing === undefined; i++) {
    const kind = kinds[i % kinds.length] ?? 'offer';
    const options = { kind, call: `c${Math.min(number, number ^ 1)}`, volatile: i % 8 === 7 };
    const target = i % 12 === 11 ? { room: roomOf(number) } : { user: partner };
    sendAsAsked(client, target, { ...options, id: freshId() });
    await pause(everyMs);
  }
}

/** Again under the same id for as long as the answer asks for it; else what comes after it to this channel would wait for it. */
async function repeat(client: RawClient, target: Target, options: SendOptions): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const reply = await client.send(target, body, options);
    if (reply.type === 'ack' || faults[reply.fault as FaultCode].retry !== 'same-id') return;
    await pause(againMs);
  }
}

/** Whoever gets no answer, or whose flow ends, lets it be. */
function sendAsAsked(client: RawClient, target: Target, options: SendOptions): void {
  repeat(client, target, options).catch(() => undefined);
}

export function nameOf(number: number): string {
  return `caller-${number}`;
}

export function roomOf(number: number): string {
  return `room-${Math.floor(number / callersPerRoom)}`;
}
