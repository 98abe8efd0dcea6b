/**
 * Door gateway: a simulated core that runs the gateway's own door.
 *
 * What the kernel and the event loop do in a real one stands here: connections that are accepted, handshakes in the
 * order they came, one listening decision per turn of the loop.
 */

import { allotted } from '#gateway/door/credits.ts';
import {
  abandoned,
  begins,
  createDoor,
  type Door,
  type DoorPolicy,
  decideListening,
  handshaken,
  isOnlyBelieved,
  knocked,
  type Listener,
  left,
  nextTurn,
  setUpsPerSecond,
  spent,
  type Turn,
  takeFlow,
  waits,
  workMs,
} from '#gateway/door/door.ts';
import { hindmost, type WaitingClass } from '#gateway/door/waiting-room.ts';
import type { Load } from '#router/admission/loads.ts';
import type { Arrival, Core, SimulatedGateway } from './gateway.ts';
import type { DoorRules } from './policies.ts';
import { OPEN, SHAKING, timingNames } from './population.ts';
import { Ring } from './ring.ts';

export interface DoorGatewayOptions {
  readonly policy: DoorPolicy;
  readonly rules: DoorRules;
  readonly turnMs: number;
  /** One draw per window of measurement: how far the clock is off. */
  noise(): number;
  /** Whether clients can be sent to one gateway and no other. */
  readonly addressed: boolean;
  /** Whether a token service with a ceiling stands behind fresh set-ups. */
  readonly ceiling: boolean;
}

const NOISE_LASTS_MS = 200;

export class DoorGateway implements SimulatedGateway {
  readonly core: Core;
  door: Door;
  /** The number of the spread that its clients are told. */
  spread = 0;
  readonly #options: DoorGatewayOptions;
  /** Client and serial, in the order they came. */
  readonly #accepted: { readonly [name in Listener]: Ring } = { call: new Ring(), main: new Ring() };
  /** Client and time: those that are open and whose `hello` is on its way. */
  readonly #hellos = new Ring();
  #arrivedInTurn = 0;
  #turnEndsMs = 0;
  #noise = 1;
  #noiseEndsMs = 0;

  constructor(core: Core, options: DoorGatewayOptions) {
    this.core = core;
    this.#options = options;
    this.door = createDoor(options.policy, 0);
  }

  arrive(client: number, nowMs: number): Arrival {
    const { core, door } = this;
    const { rules, policy } = this.#options;
    const listener: Listener =
      rules.callListener && core.population.inCall.of(client) === 1 ? 'call' : 'main';
    if (!door.listening[listener] && rules.closed !== 'listensAlways') {
      const drops = rules.closed === 'dropAfterAccept';
      core.interrupted(drops ? core.costs.dropMs : core.costs.kernelMs, nowMs);
      return 'refused';
    }
    if (this.#arrivedInTurn >= policy.acceptQueueMax) return 'unanswered';
    this.#arrivedInTurn += 1;
    if (!knocked(door, listener)) {
      core.interrupted(core.costs.dropMs, nowMs);
      return 'refused';
    }
    this.#accepted[listener].push(client, core.population.serial.of(client));
    return 'accepted';
  }

  gaveUp(client: number): void {
    abandoned(this.door);
    left(this.door, client);
  }

  serve(nowMs: number, untilMs: number): void {
    const { core, door } = this;
    if (core.freeAtMs < nowMs) core.freeAtMs = nowMs;
    while (core.freeAtMs < untilMs) {
      this.#hear();
      if (core.freeAtMs >= this.#turnEndsMs) this.#endTurn();
      const turn = nextTurn(door, core.freeAtMs);
      if (turn === undefined) {
        const hello = this.#hellos.length > 0 ? this.#hellos.right : untilMs;
        core.freeAtMs = Math.min(Math.max(hello, core.freeAtMs), untilMs);
      } else this.#do(turn);
    }
    if (nowMs >= this.#turnEndsMs) this.#endTurn();
  }

  reset(nowMs: number): void {
    const { policy } = this.#options;
    this.door = createDoor({ ...policy, speed: this.door.capacity.speed }, nowMs);
    this.#accepted.call.clear();
    this.#accepted.main.clear();
    this.#hellos.clear();
    this.#arrivedInTurn = 0;
    this.core.freeAtMs = nowMs;
  }

  load(): Load {
    const { core, door } = this;
    const { addressed } = this.#options;
    return {
      connections: core.connections,
      setUpsPerSecond: setUpsPerSecond(door),
      believed: isOnlyBelieved(door),
      busyShare: 0,
      workMs: workMs(door),
      waiting: door.room.dues.size,
      waitingFresh: door.room.needCredit,
      movable: addressed ? door.room.dues.size - door.room.settled.size : 0,
      url: addressed ? `wss://${core.number}.example` : undefined,
    };
  }

  allotted(told: Parameters<typeof allotted>[1], nowMs: number): void {
    allotted(this.door.credits, told, nowMs);
  }

  /** Takes the last of those that wait out, to be sent to another gateway. */
  givesUp(count: number): number[] {
    const flows = hindmost(this.door.room, count);
    for (const flow of flows) left(this.door, flow);
    return flows;
  }

  #endTurn(): void {
    const { core, door } = this;
    decideListening(door, this.#arrivedInTurn);
    this.#arrivedInTurn = 0;
    this.#turnEndsMs = core.freeAtMs + this.#options.turnMs;
    if (core.freeAtMs >= this.#noiseEndsMs) {
      this.#noise = this.#options.noise();
      this.#noiseEndsMs = core.freeAtMs + NOISE_LASTS_MS;
    }
  }

  /** Who has said hello by now waits to be set up. */
  #hear(): void {
    const { population, freeAtMs, rttMs } = this.core;
    while (this.#hellos.length > 0 && this.#hellos.right <= freeAtMs) {
      const client = this.#hellos.left;
      const openedAtMs = this.#hellos.right - rttMs;
      this.#hellos.dropFirst();
      if (population.phase.of(client) !== OPEN || population.gateway.of(client) !== this.core.number)
        continue;
      const needsCredit = this.#options.ceiling && population.fresh.of(client) === 1;
      const movable = population.moved.of(client) === 0;
      waits(this.door, client, this.#classOf(client), needsCredit, movable, openedAtMs);
    }
  }

  #classOf(client: number): WaitingClass {
    const { population } = this.core;
    const name = timingNames[population.timing.of(client)];
    if (name === 'socketIo' || name === 'fixed') return 'stock';
    if (population.inCall.of(client) === 1) return 'call';
    return population.fresh.of(client) === 1 ? 'fresh' : 'resume';
  }

  #do(turn: Turn): void {
    switch (turn) {
      case 'callHandshake':
        return this.#shake('call', turn);
      case 'handshake':
        return this.#shake('main', turn);
      case 'callSetUp':
      case 'setUp': {
        const { core, door } = this;
        const client = takeFlow(door, core.freeAtMs);
        this.#spend(turn, core.setUpMs(client));
        return core.setUp(client);
      }
    }
  }

  #shake(listener: Listener, turn: Turn): void {
    const { core, door } = this;
    const { population, costs } = core;
    const queue = this.#accepted[listener];
    const [client, serial] = [queue.left, queue.right];
    queue.dropFirst();
    const here = population.phase.of(client) === SHAKING && population.serial.of(client) === serial;
    begins(door, core.freeAtMs);
    this.#spend(turn, costs.handshakeMs);
    handshaken(door, listener, here);
    if (!here) return abandoned(door);
    core.events.opened(client, core.freeAtMs);
    this.#hellos.push(client, core.freeAtMs + core.rttMs);
  }

  #spend(turn: Turn, costMs: number): void {
    const { core, door } = this;
    const tookMs = core.work(costMs);
    const nominal = this.#options.policy;
    const workMs = turn === 'setUp' || turn === 'callSetUp' ? nominal.setUpMs : nominal.handshakeMs;
    spent(door, turn, tookMs * this.#noise, workMs, core.freeAtMs);
  }
}
