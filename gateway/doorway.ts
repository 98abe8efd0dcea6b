/**
 * Doorway: between the transport and the door on one side, flows and their opening on the other.
 *
 * Makes the door's policy out of the configuration, says of each `hello` in which class it waits, and sets it up when its
 * turn has come. A resume token is opened at once, since the class stands in it; the signature of a token is checked in turn.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/log.ts';
import type { Loop } from '#runtime/loop.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { GatewayConfig } from './config.ts';
import type { DoorPolicy } from './door/door.ts';
import { createDoorkeeper } from './doorkeeper.ts';
import type { FlowRecord } from './flow-record.ts';
import type { FlowTable } from './flow-table.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { OpeningSteps } from './opening.ts';
import type { Credential, DialectEvent, Identity, Opening, Transport } from './seams.ts';

export interface DoorwayDeps {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly log: Logger;
  readonly config: GatewayConfig;
  readonly metrics: GatewayMetrics;
  readonly flows: FlowTable;
  transport(): Transport;
  opening(): OpeningSteps;
  tell(record: FlowRecord, event: DialectEvent): void;
}

export type Doorway = ReturnType<typeof createDoorway>;

export function createDoorway(deps: DoorwayDeps) {
  const { clock, config, metrics, flows, tell } = deps;
  const keeper = createDoorkeeper({
    ...{ clock, metrics, loop: deps.loop, log: deps.log, policy: doorPolicy(config) },
    mode: config.GATEWAY_DOOR,
    refuseOver: config.GATEWAY_REFUSE_OVER,
    placesLeft: () => config.GATEWAY_FLOWS_MAX - flows.size,
    setListening: (listener, listens) => deps.transport().setListening(listener, listens),
    // A poll that waits stands there to be answered, and an answer would send its client elsewhere.
    tellWait: (record, etaMs, ahead) =>
      record.flow.opening.transport === 'poll' || tell(record, { kind: 'waiting', etaMs, ahead }),
    silent: (record) => flows.fail(record, 'NO_HELLO'),
  });

  function fault(opening: Opening): FaultCode | undefined {
    return flows.admissionFault(opening) ?? (keeper.refuses() ? 'BUSY' : undefined);
  }

  /** The credential of a flow: it waits for its turn to be checked; once it is in, it is checked at once. */
  function hello(record: FlowRecord, credential: Credential): void {
    const opening = deps.opening();
    const checked = (who: Identity | FaultCode) => opening.authenticated(record, who);
    if (record.place !== 'silent') return opening.authenticate(credential, checked);
    if (credential.scheme === 'resume')
      return opening.authenticate(credential, (who) => resumes(record, who));
    keeper.hello({
      record,
      name: record.flow.opening.listener === 'call' ? 'pretender' : 'fresh',
      needsCredit: true,
      movable: true,
      setUp: () => opening.authenticate(credential, checked),
    });
  }

  function resumes(record: FlowRecord, who: Identity | FaultCode): void {
    if (record.ended) return;
    const opening = deps.opening();
    if (typeof who === 'string') return opening.authenticated(record, who);
    const inCall = who.resumes?.class === 'in-call';
    const name = inCall ? 'call' : record.flow.opening.listener === 'call' ? 'pretender' : 'resume';
    const setUp = () => opening.authenticated(record, who);
    keeper.hello({ record, name, needsCredit: false, movable: true, setUp });
  }

  function measure(): void {
    const { handshakes, setUpsPerSecond, workMs, waiting, silent } = keeper.state();
    metrics.doorHandshakes.set(handshakes);
    metrics.doorSetUpsPerSecond.set(setUpsPerSecond);
    metrics.doorWorkSeconds.set(workMs / 1_000);
    for (const [name, count] of Object.entries(waiting)) metrics.doorWaiting.set({ class: name }, count);
    metrics.doorWaiting.set({ class: 'silent' }, silent);
  }

  const { knocked, hungUp, opened, stands, ended, stop } = keeper;
  return { knocked, hungUp, opened, stands, ended, stop, fault, hello, measure };
}

/** What handshake and set-up cost on the machine of the benchmark, in milliseconds: of TLS at the gateway, and without. */
const COSTS = {
  tls: { handshakeMs: 0.21, setUpMs: 0.072 },
  plain: { handshakeMs: 0.031, setUpMs: 0.054 },
} as const;
/** As uWebSockets.js asks the kernel for. */
const ACCEPT_QUEUE_MAX = 512;
const PATIENCE_SHARE = 0.2;
const LISTEN_AGAIN_SHARE = 0.25;

function doorPolicy(config: GatewayConfig): DoorPolicy {
  return {
    ...(config.GATEWAY_TLS_CERT_FILE === undefined ? COSTS.plain : COSTS.tls),
    patienceMs: config.GATEWAY_PATIENCE_MS,
    patienceShare: PATIENCE_SHARE,
    listenAgainShare: LISTEN_AGAIN_SHARE,
    speed: 1,
    handshakeShare: 0.5,
    acceptQueueMax: ACCEPT_QUEUE_MAX,
    openMax: config.GATEWAY_OPEN_MAX,
    ceiling: undefined,
  };
}
