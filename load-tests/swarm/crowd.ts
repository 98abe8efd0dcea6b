/**
 * Crowd: all clients of one process, and what the orders do to them.
 */

import { createSeededRandom } from '#runtime/random.ts';
import { createHmacIssuer } from '#test/harness/tokens.ts';
import { Calls } from './calls.ts';
import { Client, type Surroundings } from './client.ts';
import { nowMs } from './clock.ts';
import type { Place } from './line.ts';
import {
  type CrowdOptions,
  type GatewayPlaces,
  nameOf,
  type Order,
  type Result,
  type Tally,
  type Visits,
} from './orders.ts';
import { Record } from './record.ts';
import { STEP_MS, Wheel } from './wheel.ts';

const CALLS_TURN_MS = 20;

export interface Crowd {
  carryOut(order: Exclude<Order, { order: 'crowd' }>): Promise<Result | undefined>;
  tally(): Tally;
}

export function createCrowd(options: CrowdOptions): Crowd {
  const { first, count, pairs, seed, secret } = options;
  const { draw } = createSeededRandom(seed);
  const issuer = createHmacIssuer(secret);
  const rights = { users: { send: ['*'] } };
  const wheel = new Wheel(nowMs());
  let places: readonly GatewayPlaces[] = [];
  let latestMs = 0;
  const record = new Record(count, (client) => inCall(client));
  const around: Surroundings = {
    options,
    record,
    wheel,
    nowMs,
    draw,
    placeFor,
    addressFor: (client) => addressOf(Math.floor((first + client) / options.perAddress)),
    tokenFor: (client) => issuer.token(nameOf(first + client), { rights, lifeSeconds: 86_400 }),
    inCall: (client) => inCall(client.index) || client.sealedInCall === true,
    stands(client, repeatMs) {
      calls.stands(client, repeatMs);
      visits.get(client)?.();
    },
    received: (client, message) => calls.received(client, message),
  };
  const clients = Array.from({ length: count }, (_, index) => new Client(index, around));
  const calls = new Calls(clients.slice(0, 2 * pairs), first, options.frameEveryMs, nowMs);

  function inCall(client: number): boolean {
    return client < 2 * pairs && calls.inCall(clients[client]!);
  }

  function placeFor(client: Client): Place | undefined {
    const chosen = places[Math.floor(draw() * places.length)];
    if (chosen === undefined) return undefined;
    const asCall = client.sealedInCall ?? inCall(client.index);
    return options.atPriority || asCall ? (chosen.priority ?? chosen.main) : chosen.main;
  }

  let turnedMs = nowMs();
  setInterval(() => {
    const now = nowMs();
    latestMs = Math.max(latestMs, now - turnedMs - STEP_MS);
    turnedMs = now;
    wheel.turn(now);
  }, STEP_MS);
  setInterval(() => calls.turn(), CALLS_TURN_MS);

  function ramp(overMs: number): Promise<void> {
    return evenly(clients, overMs, (client) => client.come());
  }

  function cut({ clients: howMany, overMs, backMs }: Extract<Order, { order: 'cut' }>): Promise<void> {
    // Not those in a call, whose frames are watched.
    const up = clients.filter((client) => client.up && client.index >= 2 * pairs);
    return evenly(up.slice(0, howMany), overMs, (client) => client.cut(backMs));
  }

  let dropped: Client[] = [];

  function drop(howMany: number): void {
    dropped = clients.filter((client) => client.up && client.index >= 2 * pairs).slice(0, howMany);
    for (const client of dropped) client.drop();
  }

  function inTurn(atOnce: number): Promise<void> {
    const waiting = dropped;
    dropped = [];
    let left = waiting.length;
    return new Promise((resolve) => {
      if (left === 0) return resolve();
      const next = () => {
        const client = waiting.pop();
        if (client === undefined) return;
        visits.set(client, () => {
          visits.delete(client);
          if (--left === 0) resolve();
          next();
        });
        client.comeBack();
      };
      for (let i = 0; i < atOnce; i++) next();
    });
  }

  /** Told when a client is in. */
  const visits = new Map<Client, () => void>();

  /** One client comes, stays and leaves. `decided`: it is in, or has given up. */
  function visit(client: Client, { stayMs, giveUpMs }: Visits, decided: () => void, over: () => void): void {
    const end = () => {
      visits.delete(client);
      client.leave();
      over();
    };
    const late = setTimeout(() => {
      record.gaveUp++;
      decided();
      end();
    }, giveUpMs);
    record.visitors++;
    visits.set(client, () => {
      clearTimeout(late);
      visits.set(client, () => {});
      setTimeout(end, stayMs);
      decided();
    });
    client.come();
  }

  /** Resolves when the last has left. */
  function churn(order: Visits): Promise<void> {
    const { pace, forMs } = order;
    const free = clients.map(({ index }) => index);
    const startMs = nowMs();
    let [came, decided] = [0, 0];
    const due = (passedMs: number) => {
      if ('perSecond' in pace) return (Math.min(passedMs, forMs) / 1_000) * pace.perSecond;
      return passedMs < forMs ? decided + pace.atOnce : came;
    };
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const passedMs = nowMs() - startMs;
        for (const dueNow = due(passedMs); came < dueNow; came++) {
          const index = free.pop();
          if (index === undefined) continue;
          const isDecided = () => void decided++;
          visit(new Client(index, around), order, isDecided, () => void free.push(index));
        }
        if (passedMs < forMs || visits.size > 0) return;
        clearInterval(timer);
        resolve();
      }, STEP_MS);
    });
  }

  return {
    async carryOut(order) {
      switch (order.order) {
        case 'places':
          places = order.places;
          return undefined;
        case 'ramp':
          await ramp(order.overMs);
          return undefined;
        case 'mark':
          record.mark(order.atMs);
          return undefined;
        case 'episode':
          return record.episode();
        case 'cut':
          await cut(order);
          return undefined;
        case 'drop':
          drop(order.clients);
          return undefined;
        case 'break':
          for (const client of clients) client.cut(undefined);
          return undefined;
        case 'inTurn':
          await inTurn(order.atOnce);
          return undefined;
        case 'churn':
          await churn(order);
          return undefined;
        case 'rest':
          calls.rest();
          return undefined;
        case 'ledger':
          return calls.ledger();
        case 'token':
          return clients[0]?.token;
        case 'leave':
          for (const client of clients) client.leave();
          return undefined;
      }
    },
    tally() {
      const tally = record.tally(latestMs);
      latestMs = 0;
      return tally;
    },
  };
}

/** Does something with each, evenly over a time. */
function evenly<Item>(items: readonly Item[], overMs: number, act: (item: Item) => void): Promise<void> {
  const startMs = nowMs();
  let next = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const share = overMs === 0 ? 1 : Math.min(1, (nowMs() - startMs) / overMs);
      const until = Math.floor(items.length * share);
      while (next < until) act(items[next++]!);
      if (share < 1) return;
      clearInterval(timer);
      resolve();
    }, STEP_MS);
  });
}

/** 127.1.0.1 and on. */
function addressOf(address: number): string {
  return `127.${1 + Math.floor(address / 62_500)}.${Math.floor(address / 250) % 250}.${1 + (address % 250)}`;
}
