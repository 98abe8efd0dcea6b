/**
 * Router: holds its share of the partitions, and serves the gateways for them.
 *
 *     leases ──▶ partitions ──own, drop──▶ owner (one for each partition)
 *     rt.<router>.attach, beat, presence ──▶ requests ──▶ owner: directory, presence
 *     log, volatile ──▶ owner: directory, forwarding ──▶ deliveries ──▶ gw.<gateway>
 *     loads ──▶ admission ──▶ door.<gateway>
 *
 * All of it runs on the event loop without waiting; at the end of a turn presence is told and deliveries
 * leave. Whatever is lost on the way, a gateway notices by its beat, and attaches anew.
 */

import type { Cancel } from '#runtime/clock.ts';
import { tally } from '#runtime/tally.ts';
import { routerSubject } from '#wire/subjects.ts';
import { startDecider } from './admission/decider.ts';
import { unregister } from './directory/directory.ts';
import type { Now } from './directory/table.ts';
import { createDeliveries, flush, forgetGateway } from './forwarding/deliveries.ts';
import { createHearing, forgiveSilence, takeSilent } from './hearing.ts';
import { type FrameCounts, type Owner, standingOf, startOwner, tellPresence, tickOwner } from './owner.ts';
import { type Holder, holdPartitions, type Serving } from './partitions/holder.ts';
import { answerAttach, answerBeat, answerPresence, guarded, type RequestContext } from './requests.ts';
import type { RouterDeps } from './seams.ts';

export interface Router {
  readonly id: string;
  start(): void;
  /** Why it is not ready, or `undefined` when it is: the bus is there, and the leases of all are known. */
  notReady(): string | undefined;
  /** Hands its partitions over; waits at most a second for the bus. */
  stop(): Promise<void>;
}

const TICK_MS = 250;
/** A tick this late means that the process stood still, and heard nobody. */
const STALL_MS = 1_000;

interface RouterState extends RequestContext {
  readonly owned: Map<number, Owner>;
  /** Owners that have presence to tell at the end of the turn. */
  readonly telling: Set<Owner>;
  flushing: boolean;
  holder: Holder | undefined;
  tickedAtMs: number;
  registrations: number;
}

export function createRouter(deps: RouterDeps): Router {
  const state = initialState(deps);
  const cancels: Cancel[] = [];
  return {
    id: state.router,
    start() {
      const { post } = deps.bus;
      cancels.push(
        post.answer(routerSubject(state.router, 'attach'), guarded(state, answerAttach)),
        post.answer(routerSubject(state.router, 'beat'), guarded(state, answerBeat)),
        post.answer(routerSubject(state.router, 'presence'), guarded(state, answerPresence)),
        post.watchConnection((connected) => connectionChanged(state, connected)),
        deps.clock.every(TICK_MS, () => tick(state)),
      );
      // Last, as from here on others may ask.
      const { leases, log } = deps.bus;
      state.holder = holdPartitions({
        leases,
        log,
        clock: deps.clock,
        router: state.router,
        serving: serving(state),
      });
      cancels.push(
        startDecider({ ...deps, router: state.router, term: () => ownerThatMayDeliver(state, 0)?.term }),
      );
    },
    notReady: () => notReady(state),
    async stop() {
      await state.holder?.stop();
      for (const cancel of cancels.splice(0)) cancel();
    },
  };
}

function initialState(deps: RouterDeps): RouterState {
  const { bus, clock, random, metrics, config } = deps;
  const router = random.id();
  const owned = new Map<number, Owner>();
  const state: RouterState = {
    ...deps,
    router,
    owned,
    telling: new Set(),
    hearing: createHearing(),
    flushing: false,
    holder: undefined,
    tickedAtMs: clock.monotonicMs(),
    registrations: 0,
    counts: frameCounts(deps),
    deliveries: createDeliveries({
      post: bus.post,
      router,
      mayDeliver: (partition, monotonicMs) => state.holder?.mayDeliver(partition, monotonicMs) === true,
      counts: { messages: tally(metrics.deliveries), dropped: metrics.deliveriesDropped },
      due: () => flushSoon(state),
      monotonicMs: clock.monotonicMs,
    }),
    tellSoon(owner) {
      state.telling.add(owner);
      flushSoon(state);
    },
    positionsMax: () => config.ROUTER_POSITIONS_MAX / Math.max(1, owned.size),
    lapse: (partition) => state.holder?.lapse(partition),
    owners: () => ownersThatMayDeliver(state),
    owner: (partition) => ownerThatMayDeliver(state, partition),
    registrationId: () => ++state.registrations,
    now: () => nowOf(state),
  };
  return state;
}

function frameCounts({ metrics }: RouterDeps): FrameCounts {
  return {
    logged: tally(metrics.frames, { kind: 'logged' }),
    volatile: tally(metrics.frames, { kind: 'volatile' }),
    forwarded: tally(metrics.forwarded),
    malformed: tally(metrics.refused, { reason: 'malformed' }),
    version: tally(metrics.refused, { reason: 'version' }),
    late: tally(metrics.refused, { reason: 'late' }),
    expired: tally(metrics.refused, { reason: 'expired' }),
  };
}

function nowOf({ clock }: RouterState): Now {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
}

function ownerThatMayDeliver({ owned, holder, clock }: RouterState, partition: number): Owner | undefined {
  return holder?.mayDeliver(partition, clock.monotonicMs()) === true ? owned.get(partition) : undefined;
}

function* ownersThatMayDeliver(state: RouterState): Iterable<Owner> {
  const nowMs = state.clock.monotonicMs();
  for (const owner of state.owned.values())
    if (state.holder?.mayDeliver(owner.partition, nowMs) === true) yield owner;
}

// The share of this router.

function serving(state: RouterState): Serving {
  const { owned, metrics, log } = state;
  let told = true;
  /** Partitions change hands many at a time: one line for all of a turn. */
  function shareChanged(): void {
    if (!told) return;
    told = false;
    state.clock.soon(() => {
      told = true;
      log.info({ event: 'share.changed', partitions: owned.size }, 'partitions owned by this router');
    });
  }
  return {
    own(partition, term, start) {
      owned.set(partition, startOwner(state, partition, term, start));
      metrics.takeovers.inc({ from: start.inherited ? 'router' : 'nobody' });
      log.debug({ event: 'partition.owned', partition, term, fromPosition: start.from }, 'partition owned');
      shareChanged();
    },
    drop(partition, why) {
      const owner = owned.get(partition);
      if (owner === undefined) return;
      owner.stop();
      // The last words under this term, as far as its lease reaches.
      endOfTurn(state);
      owned.delete(partition);
      state.telling.delete(owner);
      metrics.drops.inc({ why });
      log.debug({ event: 'partition.dropped', partition, term: owner.term, why }, 'partition dropped');
      shareChanged();
    },
    standing(partition) {
      const owner = owned.get(partition);
      return owner === undefined ? undefined : standingOf(owner);
    },
  };
}

function notReady({ bus, holder }: RouterState): string | undefined {
  if (!bus.post.connected) return 'the bus is away';
  return holder?.ready === true ? undefined : 'the leases are not known yet';
}

// The turn of the event loop.

function flushSoon(state: RouterState): void {
  if (state.flushing) return;
  state.flushing = true;
  state.clock.atEnd(() => {
    state.flushing = false;
    endOfTurn(state);
  });
}

function endOfTurn(state: RouterState): void {
  for (const owner of state.telling) tellPresence(owner);
  state.telling.clear();
  flush(state.deliveries);
}

// Time.

function tick(state: RouterState): void {
  const now = nowOf(state);
  const gapMs = now.monotonicMs - state.tickedAtMs;
  state.tickedAtMs = now.monotonicMs;
  if (gapMs > STALL_MS) forgiveSilence(state.hearing, now.monotonicMs);
  endSilentGateways(state, now);
  let attachments = 0;
  let speaking = 0;
  for (const owner of state.owned.values()) {
    tickOwner(owner, now);
    if (state.holder?.mayDeliver(owner.partition, now.monotonicMs) === true) speaking++;
    for (const registration of owner.directory.registrations.values())
      attachments += registration.attachments.size;
  }
  state.metrics.attachments.set(attachments);
  state.metrics.partitions.set(speaking);
  state.metrics.partitionsAll.set(state.bus.log.partitions);
  state.metrics.gateways.set(state.hearing.gateways.size);
  state.metrics.routers.set(state.holder?.routersLive ?? 0);
}

function endSilentGateways(state: RouterState, now: Now): void {
  for (const gateway of takeSilent(state.hearing, now.monotonicMs)) {
    let lost = 0;
    for (const owner of state.owned.values()) {
      lost += owner.directory.registrations.get(gateway)?.attachments.size ?? 0;
      unregister(owner.directory, gateway, now);
    }
    forgetGateway(state.deliveries, gateway);
    state.metrics.gatewaysLost.inc();
    const event = { event: 'gateway.lost', gateway, attachments: lost };
    if (lost > 0) state.log.warn(event, 'a gateway fell silent; its sessions are away');
    else state.log.info(event, 'a gateway without sessions fell silent');
  }
}

function connectionChanged(state: RouterState, connected: boolean): void {
  if (!connected) return;
  forgiveSilence(state.hearing, state.clock.monotonicMs());
  state.holder?.connected();
}
