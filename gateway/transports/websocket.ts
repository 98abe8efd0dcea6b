/**
 * WebSocket transport: one flow per connection, by uWebSockets.js.
 *
 * uWebSockets.js pings by itself, finds links that died without a word, and checks UTF-8; what it finds it
 * ends without a close frame and says in words, which are turned into faults here. A message that is too
 * large gets its close code as long as it is less than twice the limit; beyond, the connection is cut.
 *
 * `closed` is never reported from within `send` or `close`: the hub hears it in a later turn of the loop.
 */

import type { Clock } from '#runtime/clock.ts';
import {
  type HttpRequest,
  type HttpResponse,
  type us_socket_context_t,
  uws,
  type WebSocket,
  type WebSocketBehavior,
} from '#runtime/uws.ts';
import { closeCodeOf, type FaultCode } from '#wire/faults.ts';
import type { Dialect, Flow, Opening, TransportEvents } from '../seams.ts';
import { Exchange, faultAnswer } from './exchange.ts';
import type { Reception, Visitor } from './reception.ts';

export interface WebSocketOptions {
  readonly messageBytesMax: number;
  readonly idleMs: number;
  /** What the hub lets wait for one flow; nothing is dropped before four times as much waits. */
  readonly unsentBytesMax: number;
}

export interface WebSocketDeps {
  readonly clock: Clock;
  readonly reception: Reception;
  readonly flowNumber: () => number;
  /** Counts what the transport refused before a flow stood; what `admit` refuses is the hub's to count. */
  readonly refused: (fault: FaultCode) => void;
}

/** What uWebSockets.js holds of a flow. */
interface Holder {
  readonly flow: WebSocketFlow;
}

const DROPPED = 2;

class WebSocketFlow implements Flow {
  readonly number: number;
  readonly opening: Opening;
  /** `undefined`: not open yet, or closed. */
  socket: WebSocket<Holder> | undefined;
  private readonly events: TransportEvents;
  private readonly clock: Clock;

  constructor(number: number, opening: Opening, events: TransportEvents, clock: Clock) {
    this.number = number;
    this.opening = opening;
    this.socket = undefined;
    this.events = events;
    this.clock = clock;
  }

  send(data: string | Uint8Array): void {
    if (this.socket === undefined) return;
    if (this.socket.send(data, typeof data !== 'string') === DROPPED) this.close('SLOW_CONSUMER');
  }

  unsentBytes(): number {
    return this.socket === undefined ? 0 : this.socket.getBufferedAmount();
  }

  close(fault: FaultCode): void {
    const { socket } = this;
    if (socket === undefined) return;
    this.socket = undefined;
    socket.end(closeCodeOf(fault), fault);
    this.clock.soon(() => this.events.closed(this, fault));
  }
}

/** How uWebSockets.js says why it ended a connection. */
const endings: ReadonlyMap<string, FaultCode> = new Map([
  ['WebSocket timed out from inactivity', 'SILENT'],
  ['Received invalid UTF-8', 'INVALID_UTF8'],
  ['Received too big message', 'TOO_LARGE'],
  ['Received invalid WebSocket frame', 'MALFORMED'],
  ['Received invalid close payload', 'MALFORMED'],
]);

/** What `app.ws` is given for one dialect. */
export function webSocketBehavior(
  options: WebSocketOptions,
  dialect: Dialect,
  events: TransportEvents,
  deps: WebSocketDeps,
): WebSocketBehavior<Holder> {
  const { messageBytesMax } = options;
  return {
    compression: uws.DISABLED,
    idleTimeout: Math.round(options.idleMs / 1_000),
    sendPingsAutomatically: true,
    maxPayloadLength: 2 * messageBytesMax,
    maxBackpressure: 4 * options.unsentBytesMax,
    upgrade: (response, request, context) => upgrade(dialect, events, deps, response, request, context),
    open(socket) {
      const { flow } = socket.getUserData();
      flow.socket = socket;
      events.opened(flow, dialect);
    },
    message(socket, message, isBinary) {
      const { flow } = socket.getUserData();
      if (flow.socket === undefined) return;
      if (message.byteLength > messageBytesMax) flow.close('TOO_LARGE');
      else events.received(flow, Buffer.from(message), isBinary);
    },
    drain(socket) {
      const { flow } = socket.getUserData();
      if (flow.socket !== undefined && socket.getBufferedAmount() === 0) events.drained(flow);
    },
    close(socket, code, message) {
      const { flow } = socket.getUserData();
      if (flow.socket === undefined) return;
      flow.socket = undefined;
      events.closed(flow, code === 1006 ? endings.get(Buffer.from(message).toString()) : undefined);
    },
  };
}

function upgrade(
  dialect: Dialect,
  events: TransportEvents,
  deps: WebSocketDeps,
  response: HttpResponse,
  request: HttpRequest,
  context: us_socket_context_t,
): void {
  const visitor = deps.reception(response, request, 'websocket');
  const wrong = mistakeOf(visitor, dialect.endpoint.subprotocol);
  if (wrong !== undefined) deps.refused(wrong);
  const fault = wrong ?? events.admit(visitor.opening);
  if (fault !== undefined) {
    new Exchange(response, deps.clock, visitor.viaProxyProtocol).answer(faultAnswer(fault, []));
    return;
  }
  response.upgrade<Holder>(
    { flow: new WebSocketFlow(deps.flowNumber(), visitor.opening, events, deps.clock) },
    request.getHeader('sec-websocket-key'),
    dialect.endpoint.subprotocol,
    request.getHeader('sec-websocket-extensions'),
    context,
  );
}

function mistakeOf(visitor: Visitor, subprotocol: string): FaultCode | undefined {
  if (!visitor.originAllowed) return 'ORIGIN_REFUSED';
  return visitor.protocols.includes(subprotocol) ? undefined : 'WRONG_SUBPROTOCOL';
}
