/**
 * Scenarios: the cases that the law is held to, each with its goals.
 *
 * A million clients on 20 gateways of one core unless a case says otherwise. With fewer clients each stands for
 * several: cores are slower by as much and bounds smaller, so that every drain takes as long as at full size.
 */

import { costs, REFUSAL_MICROS, wholeMs } from './costs.ts';
import type { Figures } from './figures.ts';
import type { Goal, Scenario } from './scenario.ts';

export const CLIENTS = 1_000_000;
/** How many clients each stands for in the case that has ten times as many, so that it takes no longer than others. */
const COARSE = 4;

export interface Size {
  readonly clients: number;
  readonly refusalMicros: number;
  readonly rttMs: number;
  /** How many times faster than it is the fleet believes itself at first. */
  readonly believed: number;
}

export const fullSize: Size = { clients: CLIENTS, refusalMicros: REFUSAL_MICROS, rttMs: 20, believed: 1 };

export function scenarios(size: Size): readonly Scenario[] {
  const base = baseOf(size);
  const coarse = baseOf({ ...size, clients: Math.ceil(size.clients / COARSE) });
  const of = (name: string, title: string, changes: Partial<Scenario>, goals: readonly Goal[]): Scenario => {
    const slowness = base.slowness * (changes.slowness ?? 1);
    return { ...base, ...changes, slowness, name, title, goals };
  };
  const whole = [back99(1.02), backAll(1.05), attempts(3)];
  const reportedAll = [back99(), backAll(), attempts(), inCall()];
  const slow = { slowness: 4 };
  const stockGoals = [back99(1.03), backAll(1.06), openTimeouts, attempts()];
  const everySecondGoals = [back99(1.03, 1.12), backAll(1.06, 1.13), openTimeouts, attempts()];
  const wrong = { noise: 0.3 };
  const drainMs = (CLIENTS / base.gateways) * wholeMs(costs('tls', 'es256', size.refusalMicros), false);
  const restarts = { fromMs: 10_000, toMs: 20_000, downMs: 0 };
  return [
    of('fleet-plain', 'whole fleet back at once, plain', { transport: 'plain' }, [
      ...whole,
      goodput(75),
      inCall(0.7),
    ]),
    of('fleet-tls', 'whole fleet back at once, TLS', {}, [...whole, goodput(95, 85), inCall(0.7)]),
    of('away', 'the same, after it was away for 5 s', { awayMs: 5_000 }, reportedAll),
    of('away-long', 'the same, after 60 s', { awayMs: 60_000 }, reportedAll),
    of('half', 'half of the fleet dead', { deadForGood: base.gateways / 2 }, [back99(1.06), backAll(1.1)]),
    of('three-quarters', 'three quarters of the fleet dead', { deadForGood: (base.gateways * 3) / 4 }, [
      back99(1.06),
      backAll(1.1),
      attempts(),
    ]),
    of('one', 'one gateway of 20 dead, the balancer knows at once', { deadForGood: 1 }, [seconds99(1.3)]),
    of('one-blind', 'the same, the balancer knows after 2 s', { deadForGood: 1, balancerBlindMs: 2_000 }, [
      seconds99(2.2),
    ]),
    of('slow', 'cores four times slower, TLS', slow, [back99(1.03), backAll(1.08), attempts(), inCall()]),
    of(
      'slow-socketio',
      'the same, 30 % Socket.IO clients',
      { ...slow, stock: { share: 0.3, timing: 'socketIo' } },
      stockGoals,
    ),
    of(
      'slow-fixed',
      'the same, 30 % clients that come every second',
      { ...slow, stock: { share: 0.3, timing: 'fixed' } },
      everySecondGoals,
    ),
    of(
      'rate-high',
      'set-up rate believed 50 % too high, samples noisy by 30 %',
      { ...wrong, believed: 1.5 },
      [back99(1.02), backAll(1.05)],
    ),
    of('rate-low', 'set-up rate believed 50 % too low, samples noisy by 30 %', { ...wrong, believed: 0.5 }, [
      back99(1.02),
      backAll(1.05),
    ]),
    of('brownout', 'half the CPU gone for 20 s', { brownout: { fromMs: 2_000, toMs: 22_000, speed: 0.5 } }, [
      back99(1.03),
    ]),
    of('restarts-plain', 'all restart in turn, 10 to 20 s in, plain', { transport: 'plain', restarts }, [
      back99(1.1),
    ]),
    of('restarts-tls', 'all restart in turn, 10 to 20 s in, TLS', { restarts }, [back99(1.02)]),
    of(
      'uneven',
      'gateways of 0.5–1.5 × capacity, clients know weights',
      { speeds: [0.5, 1.5], addressed: true, weighted: true },
      [back99(1.03)],
    ),
    of('uneven-blind', 'the same, blind balancer', { speeds: [0.5, 1.5] }, [back99(), backAll()]),
    of(
      'uneven-blind-plain',
      'the same, plain, clients can be sent on',
      { speeds: [0.5, 1.5], addressed: true, transport: 'plain' },
      [back99(), backAll(), moved],
    ),
    of(
      'ceiling',
      'token service allows half the rate, all fresh; router away for 5 s',
      { ceilingShare: 0.5, allFresh: true, routerAway: { fromMs: 5_000, toMs: 10_000 } },
      [back99(1.04)],
    ),
    of('impatient', 'clients with 5 s patience', { patienceMs: 5_000 }, [back99(1.02)]),
    of('newcomers', 'newcomers, 1 % of the population a minute', { newcomersPerMinute: 0.01 }, [
      newcomersWait,
      back99(),
    ]),
    of(
      'ten-million',
      `ten times the clients on 200 gateways, each stands for ${COARSE}`,
      { ...coarse, clients: 10 * coarse.clients, gateways: 10 * base.gateways, slowness: COARSE },
      [back99(1.05), backAll()],
    ),
    of('long', 'drain of 500 s, TLS', { slowness: 500_000 / drainMs }, [
      back99(1.06),
      backAll(1.1),
      attempts(),
    ]),
  ];
}

function baseOf({ clients, refusalMicros, rttMs, believed }: Size): Scenario {
  const part = clients / CLIENTS;
  return {
    ...{ name: '', title: '', goals: [] },
    ...{ transport: 'tls', credential: 'es256', clients, gateways: 20, part, slowness: 1 / part },
    ...{ awayMs: 0, balancerBlindMs: 0, addressed: false, weighted: false },
    ...{ inCallShare: 0.04, patienceMs: 10_000, believed, noise: 0 },
    ...{ rttMs, turnMs: 10, refusalMicros },
    acceptQueueMax: Math.ceil(4_096 * part),
    openMax: Math.ceil(16_384 * part),
  };
}

// Goals. Without a bound, a figure is reported only.

function back99(atMost?: number, held?: number): Goal {
  return bounded({ title: '99 % back', unit: '×', value: (f) => ratio(f.backMs99, f) }, atMost, held);
}

function backAll(atMost?: number, held?: number): Goal {
  return bounded({ title: 'all back', unit: '×', value: (f) => ratio(f.backMsAll, f) }, atMost, held);
}

function seconds99(atMost: number): Goal {
  return { title: '99 % back', unit: 's', value: (f) => inSeconds(f.backMs99), atMost };
}

function attempts(atMost?: number): Goal {
  return bounded({ title: 'attempts', unit: '', value: (f) => f.attempts }, atMost);
}

function goodput(atLeast: number, held = atLeast): Goal {
  const value = (f: Figures) => (f.goodputMin === undefined ? undefined : 100 * f.goodputMin);
  return { title: 'goodput in the worst second', unit: '%', value, atLeast, held };
}

function inCall(atMost?: number): Goal {
  return bounded({ title: 'in a call, 99 %', unit: 's', value: (f) => inSeconds(f.inCallMs99) }, atMost);
}

const openTimeouts: Goal = {
  title: 'time-outs once open',
  unit: '',
  value: (f) => f.openTimeouts,
  atMost: 0,
};
const moved: Goal = { title: 'sent on', unit: '', value: (f) => f.moved };
const newcomersWait: Goal = {
  title: 'longest wait of a newcomer, of the drain',
  unit: '×',
  value: (f) => (f.newcomerMsMax === undefined ? undefined : ratio(f.newcomerMsMax, f)),
  atMost: 1,
};

function bounded(goal: Goal, atMost: number | undefined, held?: number): Goal {
  if (atMost === undefined) return goal;
  return held === undefined ? { ...goal, atMost } : { ...goal, atMost, held };
}

export function ratio(ms: number | undefined, { optimumMs }: Figures): number | undefined {
  return ms === undefined ? undefined : ms / optimumMs;
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}
