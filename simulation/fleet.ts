/**
 * Fleet: the gateways of a scenario, the balancer before them and the router behind them.
 */

import { spreadUntilTold, type Windows } from '#client/reconnect.ts';
import { PATIENCE_SHARE } from '#gateway/door/door.ts';
import {
  type Admission,
  type AdmissionPolicy,
  CONSIDER_MS,
  type Considered,
  considered,
  emptyAdmission,
  LEARNING_MS,
  reported,
  type Told,
} from '#router/admission/admission.ts';
import type { Load } from '#router/admission/loads.ts';
import type { Costs } from './costs.ts';
import { DoorGateway } from './door-gateway.ts';
import { type Arrival, Core, type GatewayEvents, type SimulatedGateway } from './gateway.ts';
import type { Policy } from './policies.ts';
import type { Population } from './population.ts';
import { QueueGateway } from './queue-gateway.ts';
import type { Scenario } from './scenario.ts';

/** When the fleet was last considered before the loss. */
const BEFORE_MS = -20_000;

/** A client that waits is told to go to another gateway, after a time of its own so that not all knock at once. */
export type SendOn = (client: number, gateway: number, afterMs: number) => void;

export class Fleet {
  readonly gateways: readonly SimulatedGateway[];
  /** Of the shared ceiling, if there is one. */
  readonly ceilingPerMs: number;
  /** The number of the spread of those who were told none. */
  readonly untold: number;
  readonly #scenario: Scenario;
  readonly #population: Population;
  readonly #draw: () => number;
  readonly #admissionPolicy: AdmissionPolicy;
  #admission: Admission;
  /** Up to which part of all choices each gateway is chosen, as the clients were told. */
  #choices: Float64Array;
  #choicesToldMs = 0;

  constructor(
    scenario: Scenario,
    policy: Policy,
    population: Population,
    cost: Costs,
    draw: () => number,
    events: GatewayEvents,
  ) {
    this.#scenario = scenario;
    this.#population = population;
    this.#draw = draw;
    const eachMs = cost.handshakeMs + cost.setUpMs;
    const speeds = speedsOf(scenario);
    const allSpeeds = speeds.reduce((sum, speed) => sum + speed, 0);
    const { ceilingShare } = scenario;
    this.ceilingPerMs =
      ceilingShare === undefined ? Number.POSITIVE_INFINITY : (ceilingShare * allSpeeds) / eachMs;
    const ceilingPerSecond = ceilingShare === undefined ? undefined : 1_000 * this.ceilingPerMs;
    this.#admissionPolicy = {
      ceilings: { fresh: ceilingPerSecond, all: undefined },
      setUpShare: cost.setUpMs / eachMs,
      spread: { msMin: 0, msMax: 600_000 },
      rebalance: false,
    };
    this.#admission = emptyAdmission(1, BEFORE_MS - LEARNING_MS);
    this.untold = population.spreadNumber(spreadUntilTold);
    this.gateways = speeds.map((speed, number) => {
      const core = new Core(number, speed, cost, population, events, scenario);
      return policy.gateway.kind === 'queue'
        ? new QueueGateway(core, policy.gateway, scenario.part)
        : new DoorGateway(core, this.#doorOptions(policy, cost, speed, ceilingPerSecond));
    });
    this.#choices = this.#even(-1);
  }

  #doorOptions(policy: Policy, cost: Costs, speed: number, ceilingPerSecond: number | undefined) {
    const { scenario, rules } = { scenario: this.#scenario, rules: policy.gateway };
    if (rules.kind !== 'door') throw new TypeError('rules of a door are due');
    const { noise } = scenario;
    return {
      policy: {
        patienceMs: scenario.patienceMs,
        patienceShare: rules.closed === 'listensAlways' ? Number.POSITIVE_INFINITY : PATIENCE_SHARE,
        handshakeMs: cost.handshakeMs,
        setUpMs: cost.setUpMs,
        speed: speed * scenario.believed,
        handshakeShare: rules.handshakeShare,
        acceptQueueMax: scenario.acceptQueueMax,
        openMax: scenario.openMax,
        ceiling:
          ceilingPerSecond === undefined
            ? undefined
            : { perSecond: ceilingPerSecond, gateways: scenario.gateways },
      },
      rules,
      turnMs: scenario.turnMs,
      noise: () => (noise === 0 ? 1 : 1 + noise * (2 * this.#draw() - 1)),
      addressed: scenario.addressed,
      ceiling: ceilingPerSecond !== undefined,
    };
  }

  /** The clients are connected: what they are told before anything happens. */
  populated(): void {
    const { clients, gateways } = this.#scenario;
    const speeds = this.gateways.map(({ core }) => core.speed);
    const all = speeds.reduce((sum, speed) => sum + speed, 0);
    this.gateways.forEach(({ core }) => {
      core.connections = this.#scenario.weighted ? (clients * core.speed) / all : clients / gateways;
    });
    this.#consider(BEFORE_MS, () => {});
    this.#choicesToldMs = 0;
  }

  kill(number: number, nowMs: number): number {
    const gateway = this.gateways[number]!;
    gateway.core.alive = false;
    gateway.core.connections = 0;
    gateway.reset(nowMs);
    return gateway instanceof DoorGateway ? gateway.spread : this.untold;
  }

  start(number: number, nowMs: number): void {
    const gateway = this.gateways[number]!;
    gateway.reset(nowMs);
    gateway.core.alive = true;
  }

  /** Where the balancer, or the client by the weights it was told, sends a connection. */
  chosen(nowMs: number): number {
    const { deadForGood, balancerBlindMs } = this.#scenario;
    if (deadForGood !== undefined && this.#choicesToldMs === 0 && nowMs >= balancerBlindMs) {
      this.#choices = this.#even(deadForGood - 1);
      this.#choicesToldMs = 1;
    }
    const draw = this.#draw();
    let [low, high] = [0, this.#choices.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#choices[middle]! <= draw) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  arrive(number: number, client: number, nowMs: number): Arrival {
    const gateway = this.gateways[number]!;
    return gateway.core.alive ? gateway.arrive(client, nowMs) : 'refused';
  }

  /** CPU there is in one millisecond. */
  cpu(): number {
    let all = 0;
    for (const { core } of this.gateways) if (core.alive) all += core.speed;
    return all;
  }

  serve(nowMs: number): void {
    for (const gateway of this.gateways) if (gateway.core.alive) gateway.serve(nowMs, nowMs + 1);
  }

  /** What happens to the fleet as a whole in this millisecond. */
  passed(nowMs: number, sendOn: SendOn): void {
    const { brownout, routerAway } = this.#scenario;
    if (brownout !== undefined && (nowMs === brownout.fromMs || nowMs === brownout.toMs)) {
      const factor = nowMs === brownout.fromMs ? brownout.speed : 1 / brownout.speed;
      for (const { core } of this.gateways) core.speed *= factor;
    }
    if (nowMs % CONSIDER_MS !== 0) return;
    if (routerAway !== undefined && nowMs >= routerAway.fromMs) {
      if (nowMs < routerAway.toMs) return;
      if (this.#admission.term === 1) this.#admission = emptyAdmission(2, nowMs);
    }
    this.#consider(nowMs, sendOn);
  }

  #consider(nowMs: number, sendOn: SendOn): void {
    const loads = new Map<string, Load>();
    for (const gateway of this.gateways) {
      if (gateway instanceof DoorGateway && gateway.core.alive) {
        loads.set(`${gateway.core.number}`, gateway.load());
      }
    }
    const heard = reported(this.#admission, loads, nowMs);
    const [next, verdict] = considered(heard, this.#admissionPolicy, nowMs);
    this.#admission = next;
    for (const told of verdict.told) this.#tell(told, verdict, nowMs);
    for (const { from, to, clients } of verdict.moves) {
      const giver = this.gateways[Number(from)];
      if (!(giver instanceof DoorGateway)) continue;
      giver.givesUp(clients).forEach((client, i) => {
        sendOn(client, Number(to), (i / clients) * CONSIDER_MS);
      });
    }
  }

  #tell({ gateway: number, credits, spread }: Told, { term, window }: Considered, nowMs: number): void {
    const gateway = this.gateways[Number(number)];
    if (!(gateway instanceof DoorGateway)) return;
    if (credits?.fresh !== undefined) {
      gateway.allotted({ ...credits.fresh, term, window, gateways: credits.gateways }, nowMs);
    }
    if (spread === undefined) return;
    const windows: Windows = { gatewayMs: spread.gatewayMs, fleetMs: spread.fleetMs };
    gateway.spread = this.#population.spreadNumber(windows);
    if (spread.gateways !== undefined && nowMs < 0 && this.#scenario.weighted)
      this.#choices = sums(spread.gateways.map((g) => g.weight));
  }

  /** All alike but those up to the last one that is known to be dead. */
  #even(lastDead: number): Float64Array {
    return sums(Array.from({ length: this.#scenario.gateways }, (_, i) => (i <= lastDead ? 0 : 1)));
  }
}

/** Running sums, as parts of the whole. */
function sums(weights: readonly number[]): Float64Array {
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return Float64Array.from(weights, (weight) => {
    sum += weight;
    return sum / all;
  });
}

function speedsOf({ gateways, slowness, speeds: [least, most] = [1, 1] }: Scenario): number[] {
  return Array.from({ length: gateways }, (_, i) => {
    const place = gateways === 1 ? 0.5 : i / (gateways - 1);
    return (least + (most - least) * place) / slowness;
  });
}
