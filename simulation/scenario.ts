/**
 * Scenario: what is lost, what the machines are like, and what goes wrong besides.
 */

import type { Credential, Transport } from './costs.ts';
import type { Figures } from './figures.ts';
import type { ClientTiming } from './policies.ts';

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly transport: Transport;
  readonly credential: Credential;
  readonly clients: number;
  readonly gateways: number;
  /** Simulated clients per client meant; bounds of gateways are smaller by it. */
  readonly part: number;
  /** How many times longer everything takes than on the core that was measured. */
  readonly slowness: number;
  /** From the slowest to the fastest gateway, as multiples of the mean. */
  readonly speeds?: readonly [number, number];
  /** Gateways that die at 0 and stay dead; otherwise all die and are back at once. */
  readonly deadForGood?: number;
  /** How long a whole fleet that died is away; times count from its return. */
  readonly awayMs: number;
  /** How long the balancer goes on sending clients to dead gateways. */
  readonly balancerBlindMs: number;
  /** Gateways have addresses of their own, so that a client can be sent to one of them. */
  readonly addressed: boolean;
  /** Clients choose among these by the weights they were told, instead of a balancer that knows none. */
  readonly weighted: boolean;
  readonly inCallShare: number;
  readonly stock?: { readonly share: number; readonly timing: ClientTiming };
  /** Shortest patience of a client of ours. */
  readonly patienceMs: number;
  readonly allFresh?: boolean;
  /** A shared ceiling, as part of what the fleet's CPU allows. */
  readonly ceilingShare?: number;
  readonly routerAway?: Span;
  /** The set-up rate that gateways and router believe before anything is measured, over the true one. */
  readonly believed: number;
  /** How far each measurement may be off, up and down. */
  readonly noise: number;
  readonly brownout?: Span & { readonly speed: number };
  readonly restarts?: Span & { readonly downMs: number };
  /** Part of the population that comes for the first time, per minute. */
  readonly newcomersPerMinute?: number;
  readonly rttMs: number;
  /** How often the loop decides whether to listen. */
  readonly turnMs: number;
  readonly acceptQueueMax: number;
  /** Open and not set up, per gateway. */
  readonly openMax: number;
  readonly refusalMicros: number;
  readonly goals: readonly Goal[];
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A figure, and what it should be; without a bound it is reported only. */
export interface Goal {
  readonly title: string;
  readonly unit: '×' | 's' | '%' | '';
  readonly value: (figures: Figures) => number | undefined;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** What is reached of a goal that is not met; worse than this is a regression. */
  readonly held?: number;
}
