/**
 * Doorkeeper: the door's arms and legs; it counts who comes, lets it listen or not, and sets up whose turn it is.
 *
 *     knocked → (TLS, upgrade: the loop does it) → opened → hello → waits → its turn → set up
 *
 * While there is more to do than at once, connections are held as they are accepted, and go on in their order, a few in each
 * turn of the loop. The loop does the handshake; what that took is what passed since the last turn less what the
 * loop waited, and set-ups get their part of the time right after. While nobody waits there is no such turn: nobody is
 * held, and a `hello` is served at once. Whoever was let on and says nothing costs a socket and holds up nobody.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Loop } from '#runtime/loop.ts';
import { labelledTally, tally } from '#runtime/tally.ts';
import type { DoorNews } from '#wire/admission.ts';
import { createAcceptance } from './acceptance.ts';
import { createCrediting } from './crediting.ts';
import type { DoorMode } from './door/config.ts';
import {
  abandoned,
  createDoor,
  type DoorPolicy,
  decideListening,
  handshaken,
  isOnlyBelieved,
  knocked,
  left,
  listenersAlike,
  nextTurn,
  rested,
  setUpsPerSecond,
  spent,
  type Turn,
  takeFlow,
  waitMaxMs,
  waits,
  workMs,
} from './door/door.ts';
import { hindmost, type WaitingClass } from './door/waiting-room.ts';
import type { FlowRecord } from './flow-record.ts';
import type { GatewayMetrics } from './metrics.ts';
import { createOtherWork } from './other-work.ts';
import type { Knock, Listener } from './seams.ts';
import { createShutters } from './shutters.ts';
import { createVetting } from './vetting.ts';
import { type Told, tellWaiting } from './wait-telling.ts';

export interface DoorkeeperDeps {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly policy: DoorPolicy;
  readonly mode: DoorMode;
  /** So many handshakes may begin in a turn of the loop. */
  readonly handshakesPerTurn: number;
  /** Connections accepted and not set up above which others are refused, where the mode is `refuse`. */
  readonly refuseOver: number;
  /** How many flows more there may be beside connections that are held. */
  placesLeft(held: number): number;
  /** Begins or ends to listen; answers what holds now. */
  setListening(listener: Listener, listens: boolean): boolean;
  tellWait(record: FlowRecord, etaMs: number, ahead: number): void;
  /** It said nothing, and others need its place. */
  silent(record: FlowRecord): void;
}

/** Who waits, and what is done when its turn comes. */
export interface Entry {
  readonly record: FlowRecord;
  readonly name: WaitingClass;
  readonly needsCredit: boolean;
  readonly movable: boolean;
  setUp(): void;
}

/** Set-ups have so long before the loop turns; frames of those who are in wait no longer. */
const SLICE_MS = 5;
/** While handshakes wait, a turn is kept short: what comes between two turns is lost when the listener closes. */
const SLICE_SHAKING_MS = 1;
/** The loop has waited: longer than the clock errs. */
const WAITED_MS = 0.1;
/** While the door does not listen, or somebody waits for a credit, it looks again after so long. */
const LOOK_MS = 20;
/** Set-ups whose answers are due; more would wait at the routers, in no order. */
const UNDER_WAY_MAX = 2_048;
/** Those who wait are looked through so often. */
const TELL_MS = 250;
/** Where the silent hold half of the places, they have so long to say something. */
const SILENT_MS = 2_000;
/** In a crowd other work is believed to take no more than this part, whatever it took in calm. */
const OTHER_SHARE_MAX = 0.5;

export function createDoorkeeper(deps: DoorkeeperDeps) {
  const { clock, loop, metrics, mode } = deps;
  const door = createDoor(deps.policy, clock.monotonicMs());
  const { handshakeMs, setUpMs } = deps.policy;
  const orders = mode === 'law';
  const waiting = new Map<number, Entry & Told>();
  /** Open and nothing said, the oldest first. */
  const silent = new Map<number, FlowRecord>();
  const arrivals = tally(metrics.arrivals);
  const admitted = labelledTally(metrics.admitted, 'class');
  const would = labelledTally(metrics.doorWould, 'what');
  /** What came and was done since the last turn of the door. */
  const came = { main: 0, call: 0 };
  let shaken = 0;
  let setUps = 0;
  let cameBefore = 0;
  let turnDue = false;
  let looksAt: (() => void) | undefined;
  let endedAtMs = clock.monotonicMs();
  let idleAtMs = loop.idleMs();
  /** Whether the loop went on at once, or would have to. */
  let wasBusy = false;
  let underWay = 0;
  let setUpsInAll = 0;
  /** In this second. */
  let handshakesSince = 0;
  let setUpsSince = 0;
  const vetting = createVetting(door, clock, metrics);
  const crediting = createCrediting(door, clock, would);
  const other = createOtherWork(clock, loop);
  const shutters = createShutters(door, deps);
  const acceptance = createAcceptance(door, { ...deps, vetting, shutters });
  let tellAtMs = 0;

  // What the transport tells.

  function comes(knock: Knock): boolean {
    const { listener } = knock;
    arrivals.inc();
    came[listener] += 1;
    turnSoon();
    if (!orders) return takesAnybody(listener);
    return acceptance.takes(knock, wasBusy || waiting.size > 0);
  }

  function takesAnybody(listener: Listener): boolean {
    if (knocked(door, listener)) return true;
    if (mode === 'dry-run') would.inc('drop');
    door.handshakes[listener] += 1;
    return true;
  }

  /** Whether somebody who is through the handshake is turned away all the same. */
  function refuses(): boolean {
    if (mode !== 'refuse') return false;
    return door.handshakes.main + door.handshakes.call + door.open + underWay > deps.refuseOver;
  }

  function opened(record: FlowRecord): void {
    if (orders) door.open += 1;
    else handshaken(door, record.flow.opening.listener ?? 'main', true);
    shaken += 1;
    handshakesSince += 1;
    record.place = 'silent';
    record.openedAtMs = clock.monotonicMs();
    silent.set(record.flow.number, record);
    turnSoon();
  }

  // What the hub asks.

  /** A flow said who it is: it is set up now, or waits. */
  function hello(entry: Entry): void {
    const { record } = entry;
    const flow = record.flow.number;
    silent.delete(flow);
    if (record.flow.opening.listener === 'call') vetting.judgeCaller(record, entry.name);
    record.place = 'waiting';
    waiting.set(flow, { ...entry, toldAtMs: 0, toldEtaMs: 0 });
    const first = door.room.dues.size === 0 && acceptance.count === 0 && underWay < UNDER_WAY_MAX;
    waits(door, flow, entry.name, entry.needsCredit, entry.movable, record.openedAtMs);
    crediting.count(entry.needsCredit);
    if (!orders) return serveInAnyCase(flow);
    if (first && isSetUp(nextTurn(door, clock.monotonicMs()))) serveNext();
    else turnSoon();
  }

  /** As naive servers do: at once, whoever else waits. */
  function serveInAnyCase(flow: number): void {
    left(door, flow);
    setUps += 1;
    begin(waiting.get(flow)!);
  }

  function serveNext(): void {
    const flow = takeFlow(door, clock.monotonicMs());
    setUps += 1;
    begin(waiting.get(flow)!);
  }

  function begin(entry: Entry): void {
    const { record, name } = entry;
    waiting.delete(record.flow.number);
    record.place = 'underWay';
    underWay += 1;
    setUpsInAll += 1;
    setUpsSince += 1;
    admitted.inc(name);
    metrics.doorWaitSeconds.observe((clock.monotonicMs() - record.openedAtMs) / 1_000);
    entry.setUp();
  }

  /** Its session stands; `worth`: it was no waste to let it in. */
  function stands(record: FlowRecord, worth: boolean): void {
    if (record.place === 'underWay') vetting.led(record, worth);
    comesIn(record);
  }

  function comesIn(record: FlowRecord): void {
    if (record.place === 'underWay') {
      underWay -= 1;
      if (waiting.size > 0) turnSoon();
    }
    record.place = 'in';
  }

  /** @param sent away by the service, which was no waste of its client's. */
  function ended(record: FlowRecord, sent: boolean): void {
    const { number } = record.flow;
    if (record.place !== 'in' && !sent) vetting.gone(record);
    if (record.place === 'waiting' && !sent) gaveUp();
    if (record.place === 'silent' || record.place === 'waiting') {
      // What its end took is work of the door, about as much as a set-up, and none that a drain would find there.
      setUpsSince += 1;
      silent.delete(number);
      waiting.delete(number);
      left(door, number);
    }
    comesIn(record);
  }

  function gaveUp(): void {
    metrics.abandoned.inc();
    abandoned(door);
  }

  // The turn.

  function turnSoon(): void {
    if (turnDue) return;
    turnDue = true;
    clock.soon(turn);
  }

  function turn(): void {
    turnDue = false;
    const nowMs = clock.monotonicMs();
    const idleMs = loop.idleMs();
    const waitedMs = idleMs - idleAtMs;
    const busyMs = Math.max(0, nowMs - endedAtMs - waitedMs);
    if (waitedMs <= WAITED_MS && wasBusy) charge(busyMs, nowMs);
    // Nobody was held, so who has connected and is not through waits for the network.
    else if (!orders && waitedMs > WAITED_MS) rested(door, came);
    shaken = setUps = 0;
    acceptance.turns();
    if (orders) serve(nowMs);
    door.openMax = Math.max(0, Math.min(deps.policy.openMax, door.open + acceptance.placesLeft()));
    // Both times: one long turn alone says that there was a pause, and what it kept waiting is in by now.
    decideListening(door, Math.min(cameBefore, came.main + came.call));
    shutters.follow();
    keepOrder();
    cameBefore = came.main + came.call;
    came.main = 0;
    came.call = 0;
    endedAtMs = clock.monotonicMs();
    idleAtMs = idleMs;
    goOn();
  }

  /** The loop's part of the time, and what was done in it. */
  function charge(busyMs: number, nowMs: number): void {
    door.bothWaited = door.room.dues.size > 0;
    other.crowded(busyMs);
    const ownMs = busyMs * (1 - Math.min(OTHER_SHARE_MAX, other.share()));
    spent(door, 'handshake', ownMs, shaken * handshakeMs + setUps * setUpMs, nowMs);
  }

  function serve(fromMs: number): void {
    let nowMs = fromMs;
    let handshakes = 0;
    for (;;) {
      const next = nextTurn(door, nowMs);
      if (next === undefined) return;
      if (!isSetUp(next)) {
        if (handshakes++ === deps.handshakesPerTurn) return;
        acceptance.next(next === 'callHandshake' ? ['call'] : listenersAlike(door));
        continue;
      }
      if (underWay >= UNDER_WAY_MAX) return;
      const beganMs = nowMs;
      begin(waiting.get(takeFlow(door, nowMs))!);
      nowMs = clock.monotonicMs();
      spent(door, next, nowMs - beganMs, setUpMs, nowMs);
      if (nowMs - fromMs > (acceptance.count > 0 ? SLICE_SHAKING_MS : SLICE_MS)) return;
    }
  }

  /** Tells those who wait, and makes room where the silent stand in the way. */
  function keepOrder(): void {
    const nowMs = clock.monotonicMs();
    if (nowMs < tellAtMs) return;
    if (waiting.size > 0) tellWaiting(door, waiting, nowMs, deps.tellWait);
    // To order thousands takes its time; telling gets a fiftieth of the whole at most.
    tellAtMs = nowMs + Math.max(TELL_MS, 50 * (clock.monotonicMs() - nowMs));
    for (const record of silent.values()) {
      if (silent.size * 2 <= door.openMax || nowMs - record.openedAtMs < SILENT_MS) break;
      deps.silent(record);
    }
  }

  /** Another turn at once while set-ups are due; later while there is something to wait for. */
  function goOn(): void {
    const next = orders ? nextTurn(door, endedAtMs) : undefined;
    const goesOn = next !== undefined && !(isSetUp(next) && underWay >= UNDER_WAY_MAX);
    wasBusy = goesOn || (!orders && door.handshakes.main + door.handshakes.call > 0);
    if (goesOn || (next === undefined && vetting.nobodyElse(deps.handshakesPerTurn))) return turnSoon();
    const looks = waiting.size > 0 || silent.size > 0 || shutters.someShut() || vetting.puttingOff();
    if (looks && looksAt === undefined) looksAt = clock.after(LOOK_MS, look);
  }

  // What routers say.

  function credited(news: DoorNews): void {
    crediting.credited(news);
    turnSoon();
  }

  /** The last of those that wait, who are not waited for here any more. */
  function givenUp(count: number): FlowRecord[] {
    const flows = hindmost(door.room, count);
    return flows.flatMap((flow) => waiting.get(flow)?.record ?? []);
  }

  /** Counted anew, since it is asked a few times a second. */
  function state() {
    const counts = { call: 0, stock: 0, resume: 0, fresh: 0, pretender: 0 };
    for (const { name } of waiting.values()) counts[name] += 1;
    return {
      listening: { ...shutters.listens },
      setUpsPerSecond: setUpsPerSecond(door),
      ...(isOnlyBelieved(door) && { believed: true as const }),
      busyShare: other.share(),
      workMs: workMs(door),
      waitMaxMs: waitMaxMs(door),
      handshakes: door.handshakes.main + door.handshakes.call,
      movable: door.room.dues.size - door.room.settled.size,
      waiting: counts,
      waitingFresh: door.room.needCredit,
      silent: silent.size,
      setUps: setUpsInAll,
      ...crediting.state(),
    };
  }

  /** Once a second: what the loop did beside handshakes and set-ups, while it was calm. */
  function second(): void {
    const doneMs = (handshakesSince * handshakeMs + setUpsSince * setUpMs) / door.capacity.speed;
    other.measured(doneMs, waiting.size === 0 && !wasBusy);
    handshakesSince = 0;
    setUpsSince = 0;
    vetting.second(silent.values());
  }

  function look(): void {
    looksAt = undefined;
    turnSoon();
  }

  return {
    knocked: comes,
    refuses,
    opened,
    hello,
    stands,
    ended,
    credited,
    givenUp,
    second,
    /** There is more to do than to hand frames on. */
    busy: () => wasBusy || waiting.size > 0,
    state,
    heldMs: acceptance.heldMs,
    stop: () => looksAt?.(),
  };
}

function isSetUp(turn: Turn | undefined): turn is 'callSetUp' | 'setUp' {
  return turn === 'callSetUp' || turn === 'setUp';
}
