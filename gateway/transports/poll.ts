/**
 * Long poll: flows for clients that cannot hold a WebSocket; the messages of a flow in arrays, by POST.
 *
 * Any gateway may answer a poll. One that knows the flow goes on with it (`poll-flow.ts` counts the turns). Any
 * other opens a new flow that takes the place of the old one, from the resume token and the cursors that
 * the poll carries. Then acks may have been lost on the way: the client repeats what was not acknowledged
 * under the same ids, and what it missed comes again from its cursors.
 *
 * The schemas are `PollRequest` and `PollAnswer`.
 */

import type { Clock } from '#runtime/clock.ts';
import type { Random } from '#runtime/random.ts';
import type { HttpRequest, HttpResponse, TemplatedApp } from '#runtime/uws.ts';
import type { FaultCode } from '#wire/faults.ts';
import { POLL_PATH, type PollRequest } from '#wire/messages.ts';
import type { Dialect, Opening, TransportEvents } from '../seams.ts';
import { Exchange, faultAnswer, type Headers } from './exchange.ts';
import { type IncomingPoll, incomingPoll } from './poll-body.ts';
import { PollFlow, type PollFlowDeps, type PollFlowOptions } from './poll-flow.ts';
import { type Reception, withoutBearer } from './reception.ts';

export interface PollOptions extends PollFlowOptions {
  readonly messageBytesMax: number;
  /** Bytes of all bodies that are on their way in. */
  readonly pollBodiesBytesMax?: number;
}

export interface PollDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly flowNumber: () => number;
  /** Counts what the transport refused before a flow stood; what `admit` refuses is the hub's to count. */
  readonly refused: (fault: FaultCode) => void;
  /** Whether answers end their connection, to move clients on. */
  readonly movesOn: () => boolean;
}

export interface Poll {
  /** Adds the routes; flows are shared by all apps. */
  serve(app: TemplatedApp, reception: Reception): void;
  /** Answers what stands, and ends all flows. */
  close(): void;
}

/** How long the body of one poll may take to come in: less than the 8 to 12 s after which uWebSockets.js cuts it off without a word. */
const BODY_MS = 7_000;
/** Bytes of bodies that are not whole yet, of all polls together: who they are from is not known yet. */
const BODIES_BYTES_MAX = 67_108_864;

export function createPoll(
  options: PollOptions,
  dialect: Dialect,
  events: TransportEvents,
  deps: PollDeps,
): Poll {
  const flows = new Map<string, PollFlow>();
  const bodies: Bodies = { bytes: 0, bytesMax: options.pollBodiesBytesMax ?? BODIES_BYTES_MAX };
  const flowDeps: PollFlowDeps = {
    clock: deps.clock,
    events,
    forget: (flow) => flows.delete(flow.id),
    movesOn: deps.movesOn,
  };

  function post(reception: Reception, response: HttpResponse, request: HttpRequest): void {
    const { opening, originAllowed, viaProxyProtocol } = reception(response, request, 'poll');
    const exchange = new Exchange(response, deps.clock, viaProxyProtocol);
    const headers = crossOriginHeaders(opening.origin, originAllowed);
    const answer = (fault: FaultCode, closes: boolean) =>
      exchange.answer(faultAnswer(fault, headers), closes);
    const refuse = (fault: FaultCode, closes: boolean) => {
      deps.refused(fault);
      answer(fault, closes);
    };
    if (!originAllowed) return refuse('ORIGIN_REFUSED', true);
    const sinceMs = deps.clock.monotonicMs();
    readBody(response, exchange, options.pollBytesMax, deps.clock, bodies, (body) => {
      const incoming = typeof body === 'string' ? body : incomingPoll(body, options.messageBytesMax);
      if (typeof incoming === 'string') return refuse(incoming, typeof body === 'string');
      const known = flowOf(incoming);
      if (known !== undefined) {
        if (!known.receiveWhenOpen(incoming.messages, sinceMs)) return refuse('TOO_MANY_PENDING', false);
        return known.poll(incoming.request.turn ?? 0, exchange, headers);
      }
      const fault = events.admit(opening);
      if (fault !== undefined) return answer(fault, false);
      openFlow(incoming, opening, sinceMs).poll(0, exchange, headers);
    });
  }

  /** The flow that goes on with this poll. One that cannot, although it is named, ends. */
  function flowOf({ request: { flow: id = '', turn }, greets }: IncomingPoll): PollFlow | undefined {
    const flow = flows.get(id);
    if (flow !== undefined && turn !== undefined && turn <= flow.turn && !greets) return flow;
    flow?.end(undefined);
    return undefined;
  }

  function openFlow(
    { request, messages, greets }: IncomingPoll,
    opening: Opening,
    sinceMs: number,
  ): PollFlow {
    const flow = new PollFlow(deps.flowNumber(), deps.random.id(), opening, options, flowDeps);
    flows.set(flow.id, flow);
    events.opened(flow, dialect);
    flow.opening = withoutBearer(opening);
    // With its welcome alone only where the client waits for an answer that went elsewhere.
    if (!greets && (messages.length > 0 || !request.unanswered)) flow.goesOn(messages.length);
    flow.receive(greets ? messages[0]! : helloOf(request), sinceMs);
    flow.receiveWhenOpen(greets ? messages.slice(1) : messages, sinceMs);
    return flow;
  }

  function preflight(reception: Reception, response: HttpResponse, request: HttpRequest): void {
    const { opening, originAllowed, viaProxyProtocol } = reception(response, request, 'poll');
    const exchange = new Exchange(response, deps.clock, viaProxyProtocol);
    const headers = crossOriginHeaders(opening.origin, originAllowed);
    if (!originAllowed) exchange.answer(faultAnswer('ORIGIN_REFUSED', headers));
    else exchange.answer({ status: 204, headers: [...headers, ...preflightHeaders], body: '' });
  }

  return {
    serve(app, reception) {
      app.post(POLL_PATH, (response, request) => post(reception, response, request));
      app.options(POLL_PATH, (response, request) => preflight(reception, response, request));
    },
    close() {
      for (const flow of [...flows.values()]) flow.end(undefined);
    },
  };
}

const preflightHeaders: Headers = [
  ['Access-Control-Allow-Methods', 'POST'],
  ['Access-Control-Allow-Headers', 'authorization, content-type'],
  ['Access-Control-Max-Age', '7200'],
];

function crossOriginHeaders(origin: string | undefined, allowed: boolean): Headers {
  if (origin === undefined) return [];
  const vary = ['Vary', 'Origin'] as const;
  if (!allowed) return [vary];
  return [vary, ['Access-Control-Allow-Origin', origin], ['Access-Control-Expose-Headers', 'Retry-After']];
}

/** What is held of bodies that are on their way in. */
interface Bodies {
  bytes: number;
  readonly bytesMax: number;
}

/** The whole body, in time and within the bounds, or the fault. Nothing is called for a client that goes away. */
function readBody(
  response: HttpResponse,
  exchange: Exchange,
  bytesMax: number,
  clock: Clock,
  bodies: Bodies,
  read: (body: Uint8Array | FaultCode) => void,
): void {
  let chunks: Uint8Array[] | undefined = [];
  let bytes = 0;
  const cancel = clock.after(BODY_MS, () => done('SILENT'));
  function forget(): void {
    chunks = undefined;
    bodies.bytes -= bytes;
    bytes = 0;
    cancel();
  }
  function done(body: Uint8Array | FaultCode): void {
    if (chunks === undefined) return;
    forget();
    read(body);
  }
  exchange.abandoned = () => {
    if (chunks !== undefined) forget();
  };
  response.onData((chunk, isLast) => {
    if (chunks === undefined) return;
    bytes += chunk.byteLength;
    bodies.bytes += chunk.byteLength;
    if (bytes > bytesMax) return done('TOO_LARGE');
    if (!isLast && bodies.bytes > bodies.bytesMax) return done('BUSY');
    // The chunk is valid during the call only.
    chunks.push(isLast ? Buffer.from(chunk) : Buffer.from(chunk.slice(0)));
    if (isLast) done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
  });
}

/** The `hello` of a flow that another one goes on in: this one takes its place. */
function helloOf({ resume, cursors }: PollRequest): Uint8Array {
  return Buffer.from(JSON.stringify({ type: 'hello', resume, cursors, flow: 'replace' }));
}
