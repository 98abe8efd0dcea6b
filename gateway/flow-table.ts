/**
 * Flow table: the flows of this gateway, from the first byte to the last; who may come, and what ends them.
 *
 * It bounds what can grow: flows in all and per address, the pace of a user and of an address, unsent bytes.
 * The hub is told when a flow has ended, once, whoever ended it.
 */

import type { Clock } from '#runtime/clock.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { GatewayConfig } from './config.ts';
import { createMeters } from './door/meters.ts';
import { FlowRecord } from './flow-record.ts';
import type { GatewayMetrics } from './metrics.ts';
import { meterPace } from './policy.ts';
import type { Dialect, Flow, Opening } from './seams.ts';

export interface FlowTableDeps {
  readonly clock: Clock;
  readonly config: GatewayConfig;
  readonly metrics: GatewayMetrics;
  /** Says the fault in the dialect's words; the flow closes afterwards. */
  sayClosing(record: FlowRecord, fault: FaultCode, spreadMs: number): void;
  ended(record: FlowRecord, left: boolean): void;
}

export type FlowTable = ReturnType<typeof createFlowTable>;

export function createFlowTable({ clock, config, metrics, sayClosing, ended }: FlowTableDeps) {
  const flows = new Map<number, FlowRecord>();
  const users = createMeters(
    meterPace(config.GATEWAY_USER_MESSAGES_PER_SECOND, config.GATEWAY_USER_MESSAGES_BURST),
  );
  const addresses = createMeters(
    meterPace(config.GATEWAY_ADDRESS_MESSAGES_PER_SECOND, config.GATEWAY_ADDRESS_MESSAGES_BURST),
  );

  collectOutboxes(metrics, flows);

  /** What passes at the rate, and as much again that is refused. */
  const everything = meterPace(
    2 * config.GATEWAY_MESSAGES_PER_SECOND,
    config.GATEWAY_MESSAGES_BURST + config.GATEWAY_REFUSALS_MAX,
  );

  function admissionFault(opening: Opening): FaultCode | undefined {
    if (flows.size >= config.GATEWAY_FLOWS_MAX) return 'BUSY';
    const ofAddress = addresses.flowsOf(opening.address);
    return ofAddress >= config.GATEWAY_FLOWS_PER_ADDRESS_MAX ? 'TOO_MANY_FLOWS' : undefined;
  }

  function add(flow: Flow, dialect: Dialect): FlowRecord {
    const record = new FlowRecord(flow, dialect);
    record.heardAtMs = clock.monotonicMs();
    flows.set(flow.number, record);
    addresses.flowOpened(flow.opening.address);
    metrics.connections.inc({ dialect: dialect.name });
    return record;
  }

  /** 0 where user and address may send now, and it is counted; else how long it is too early. */
  function tooEarlyMs(record: FlowRecord, user: string): number {
    const nowMs = clock.monotonicMs();
    return users.metered(user, nowMs) || addresses.metered(record.flow.opening.address, nowMs);
  }

  /**
   * Counts a message or ping of the client, whatever it says; true where it came far above the rate. Requests are metered
   * by their session besides, which answers them; what is no request, and what is none yet, only here.
   */
  function floods(record: FlowRecord): boolean {
    if (everything.tooEarlyMs(record.dueMs, record.heardAtMs) > 0) return true;
    record.dueMs = everything.nextDueMs(record.dueMs, record.heardAtMs);
    return false;
  }

  function send(record: FlowRecord, data: string | Uint8Array): void {
    record.flow.send(data);
    if (record.flow.unsentBytes() > config.GATEWAY_OUTBOX_BYTES_MAX) fail(record, 'SLOW_CONSUMER');
  }

  /** Closes for a mistake, and counts it. */
  function fail(record: FlowRecord, fault: FaultCode): void {
    if (record.ended) return;
    metrics.faults.inc({ fault });
    close(record, fault, spreadAfterMs(fault));
  }

  function close(record: FlowRecord, fault: FaultCode, spreadMs: number): void {
    if (record.ended) return;
    sayClosing(record, fault, spreadMs);
    end(record, false);
    record.flow.close(fault);
  }

  function spreadAfterMs(fault: FaultCode): number {
    return comesBackLater.has(fault) ? config.SPREAD_GATEWAY_MS : 0;
  }

  /** Takes the flow out; `left`: its session ended by its own word. */
  function end(record: FlowRecord, left: boolean): void {
    if (record.ended) return;
    record.ended = true;
    flows.delete(record.flow.number);
    for (const cancel of record.timers?.values() ?? []) cancel();
    metrics.connections.dec({ dialect: record.dialect.name });
    addresses.flowClosed(record.flow.opening.address);
    if (record.session !== undefined) users.flowClosed(record.session.user);
    wake(record, false);
    ended(record, left);
  }

  /** A timer of the flow; the same name again replaces it, `undefined` cancels it. */
  function setTimer(record: FlowRecord, name: string, afterMs: number | undefined, act: () => void): void {
    record.timers?.get(name)?.();
    forgetTimer(record, name);
    if (afterMs === undefined) return;
    const cancel = clock.after(afterMs, () => {
      forgetTimer(record, name);
      if (!record.ended) act();
    });
    record.timers ??= new Map();
    record.timers.set(name, cancel);
  }

  /** An idle session has no timer, and keeps no empty Map of them. */
  function forgetTimer(record: FlowRecord, name: string): void {
    record.timers?.delete(name);
    if (record.timers?.size === 0) record.timers = undefined;
  }

  /** Whether the flow takes frames now: its session is open, and its bytes go out. */
  function ready(flow: number): boolean {
    const record = flows.get(flow);
    return record?.session?.opening === 0 && record.flow.unsentBytes() * 2 <= config.GATEWAY_OUTBOX_BYTES_MAX;
  }

  /** Resolves when it does; false: it is gone. */
  function writable(flow: number): Promise<boolean> {
    const record = flows.get(flow);
    if (record === undefined) return Promise.resolve(false);
    if (ready(flow)) return Promise.resolve(true);
    return new Promise((resolve) => {
      record.waiters ??= [];
      record.waiters.push(resolve);
    });
  }

  function wake(record: FlowRecord, open: boolean): void {
    if (record.waiters === undefined || (open && !ready(record.flow.number))) return;
    const { waiters } = record;
    record.waiters = undefined;
    for (const waiter of waiters) waiter(open);
  }

  return {
    get: (flow: number) => flows.get(flow),
    all: () => flows.values(),
    get size() {
      return flows.size;
    },
    admissionFault,
    add,
    sessionOpened: (user: string) => users.flowOpened(user),
    tooEarlyMs,
    floods,
    send,
    fail,
    close,
    end,
    setTimer,
    ready,
    writable,
    wake,
  };
}

/** Summed up when the metrics are read: nothing is counted where frames go out. */
function collectOutboxes(metrics: GatewayMetrics, flows: ReadonlyMap<number, FlowRecord>): void {
  Object.assign(metrics.outboxBytes, {
    collect() {
      let sum = 0;
      let largest = 0;
      for (const { flow } of flows.values()) {
        const bytes = flow.unsentBytes();
        sum += bytes;
        if (bytes > largest) largest = bytes;
      }
      metrics.outboxBytes.set(sum);
      metrics.outboxLargestBytes.set(largest);
    },
  });
}

/** Faults after which a crowd comes back, and is spread. */
const comesBackLater: ReadonlySet<FaultCode> = new Set(['GOING_AWAY', 'BUSY', 'AUTH_UNAVAILABLE']);
