/**
 * WebSocket transport: one flow per connection, by uWebSockets.js.
 *
 * uWebSockets.js pings by itself, finds links that died without a word, and checks UTF-8; what it finds it
 * ends without a close frame and says in words, which are turned into faults here. A message that is too
 * large gets its close code as long as it is less than twice the limit; beyond, the connection is cut.
 *
 * What is sent to one flow in one turn of the loop goes to the network in one piece: a message by itself
 * costs a system call (5 µs here), of two together each costs 3 µs, of sixteen 0.7. `closed` is never reported
 * from within `send` or `close`: the hub hears it in a later turn of the loop.
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
import { type Reception, type Visitor, withoutBearer } from './reception.ts';

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
  /** The connection of a WebSocket is gone. */
  readonly socketClosed: () => void;
}

/** What uWebSockets.js holds of a flow. */
interface Holder {
  readonly flow: WebSocketFlow;
}

const DROPPED = 2;
/** So much waits for the end of the turn at most; more goes out at once. */
const TURN_BYTES_MAX = 16_384;

/** What all flows share: who has something to send at the end of this turn of the loop. */
class Turn {
  readonly events: TransportEvents;
  readonly clock: Clock;
  readonly bytesMax: number;
  private flows: WebSocketFlow[];

  constructor(events: TransportEvents, clock: Clock, bytesMax: number) {
    this.events = events;
    this.clock = clock;
    this.bytesMax = bytesMax;
    this.flows = [];
  }

  add(flow: WebSocketFlow): void {
    if (this.flows.length === 0) this.clock.atEnd(() => this.flush());
    this.flows.push(flow);
  }

  private flush(): void {
    const { flows } = this;
    this.flows = [];
    for (const flow of flows) flow.flush();
  }
}

class WebSocketFlow implements Flow {
  readonly number: number;
  opening: Opening;
  /** `undefined`: not open yet, or closed. */
  socket: WebSocket<Holder> | undefined;
  private readonly turn: Turn;
  /** What goes out at the end of the turn, and its length. */
  private pending: (string | Uint8Array)[] | undefined;
  private pendingLength: number;
  /** The network would not even queue it. */
  private dropped: boolean;

  constructor(number: number, opening: Opening, turn: Turn) {
    this.number = number;
    this.opening = opening;
    this.socket = undefined;
    this.turn = turn;
    this.pending = undefined;
    this.pendingLength = 0;
    this.dropped = false;
  }

  send(data: string | Uint8Array): void {
    if (this.socket === undefined) return;
    this.pendingLength += data.length;
    if (this.pending === undefined) {
      this.pending = [data];
      this.turn.add(this);
    } else this.pending.push(data);
    if (this.pendingLength > this.turn.bytesMax) this.flush();
  }

  /** Hands what waits to the network, in one piece. */
  flush(): void {
    const { socket, pending } = this;
    if (socket === undefined || pending === undefined) return;
    this.pending = undefined;
    this.pendingLength = 0;
    if (pending.length === 1) this.write(socket, pending);
    else socket.cork(() => this.write(socket, pending));
    // Not from within the cork, which would go on with a closed socket.
    if (this.dropped) this.close('SLOW_CONSUMER');
  }

  unsentBytes(): number {
    return this.socket === undefined ? 0 : this.socket.getBufferedAmount() + this.pendingLength;
  }

  close(fault: FaultCode): void {
    this.flush();
    const { socket } = this;
    if (socket === undefined) return;
    this.gone();
    socket.end(closeCodeOf(fault), fault);
    this.turn.clock.soon(() => this.turn.events.closed(this, fault));
  }

  /** Nothing more can be sent. */
  gone(): void {
    this.socket = undefined;
    this.pending = undefined;
    this.pendingLength = 0;
  }

  private write(socket: WebSocket<Holder>, all: readonly (string | Uint8Array)[]): void {
    for (const data of all)
      if (!this.dropped) this.dropped = socket.send(data, typeof data !== 'string') === DROPPED;
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
  const { messageBytesMax, unsentBytesMax } = options;
  // Less than what the hub would wait for `drained` with, since of what never waited nothing drains.
  const turn = new Turn(events, deps.clock, Math.min(TURN_BYTES_MAX, unsentBytesMax / 4));
  return {
    compression: uws.DISABLED,
    idleTimeout: Math.round(options.idleMs / 1_000),
    sendPingsAutomatically: true,
    maxPayloadLength: 2 * messageBytesMax,
    maxBackpressure: 4 * unsentBytesMax,
    upgrade: (response, request, context) => upgrade(dialect, turn, deps, response, request, context),
    open(socket) {
      const { flow } = socket.getUserData();
      flow.socket = socket;
      events.opened(flow, dialect);
      flow.opening = withoutBearer(flow.opening);
    },
    message(socket, message, isBinary) {
      const { flow } = socket.getUserData();
      if (flow.socket === undefined) return;
      if (message.byteLength > messageBytesMax) flow.close('TOO_LARGE');
      else events.received(flow, Buffer.from(message), isBinary);
    },
    ping(socket) {
      const { flow } = socket.getUserData();
      if (flow.socket !== undefined) events.pinged(flow);
    },
    drain(socket) {
      const { flow } = socket.getUserData();
      if (flow.socket !== undefined && socket.getBufferedAmount() === 0) events.drained(flow);
    },
    close(socket, code, message) {
      deps.socketClosed();
      const { flow } = socket.getUserData();
      if (flow.socket === undefined) return;
      flow.gone();
      events.closed(flow, code === 1006 ? endings.get(Buffer.from(message).toString()) : undefined);
    },
  };
}

function upgrade(
  dialect: Dialect,
  turn: Turn,
  deps: WebSocketDeps,
  response: HttpResponse,
  request: HttpRequest,
  context: us_socket_context_t,
): void {
  const visitor = deps.reception(response, request, 'websocket');
  const wrong = mistakeOf(visitor, dialect.endpoint.subprotocol);
  if (wrong !== undefined) deps.refused(wrong);
  const fault = wrong ?? turn.events.admit(visitor.opening);
  if (fault !== undefined) {
    new Exchange(response, deps.clock, visitor.viaProxyProtocol).answer(faultAnswer(fault, []));
    return;
  }
  response.upgrade<Holder>(
    { flow: new WebSocketFlow(deps.flowNumber(), visitor.opening, turn) },
    request.getHeader('sec-websocket-key'),
    dialect.endpoint.subprotocol ?? '',
    request.getHeader('sec-websocket-extensions'),
    context,
  );
}

function mistakeOf(visitor: Visitor, subprotocol: string | undefined): FaultCode | undefined {
  if (!visitor.originAllowed) return 'ORIGIN_REFUSED';
  if (subprotocol === undefined || visitor.protocols.includes(subprotocol)) return undefined;
  return 'WRONG_SUBPROTOCOL';
}
