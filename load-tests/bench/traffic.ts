/**
 * Traffic: frames between the pairs of a crowd at an even pace, counted and timed where they arrive.
 *
 * Client 2n sends to client 2n + 1. The body begins with the frame's number in `NUMBER_CHARS` digits, so that it is
 * found at a fixed distance from the end of whatever comes; the id of a native frame is made of the same digits.
 */

import type { Speech, Told } from '../peers/speech.ts';
import { type SpeechName, speeches } from '../peers/speeches.ts';
import { NAME_CHARS } from '../yardstick/protocol.ts';
import type { Crowd } from './crowd.ts';
import { type Line, maskedText, payloadStart } from './line.ts';
import { type Counts, nameOf, type SendOrder } from './orders.ts';
import { quantile } from './spread.ts';

export interface Traffic {
  count(): Counts;
  /** Resolves when everything sent has come, or when no more comes. */
  rest(): Promise<void>;
}

const NUMBER_CHARS = 9;
/** Frames of which the time of sending is remembered. */
const SENT_MAX = 1 << 16;
const TICK_MS = 1;
const REST_MS_MAX = 5_000;

interface Lane {
  readonly line: Line;
  readonly template: Buffer;
  /** Where the number of the frame is laid into the bytes. */
  readonly numberAt: readonly number[];
}

export function startTraffic(crowd: Crowd, order: SendOrder, firstNumber: number): Traffic {
  const speech = speechOf(order.kind);
  const native = order.kind !== 'yardstick';
  const lanes = lanesOf(crowd, order);
  const sentAtMs = new Float64Array(SENT_MAX);
  const tookMs: number[] = [];
  const counts = { sent: 0, delivered: 0, acknowledged: 0, refused: 0 };
  /** From the end of a message to its number; a native body has a quote before it, and a brace behind. */
  const numberFromEnd = order.bodyBytes;

  function heard(_: Line, bytes: Buffer, start: number, end: number): void {
    if (speech !== undefined) return speech.heard(bytes, start, end, told);
    if (native && bytes[start + 9] !== FRAME) return answered(bytes, start, end);
    arrived(numberIn(bytes, end - numberFromEnd));
  }
  function arrived(number: number): void {
    tookMs.push(performance.now() - sentAtMs[number % SENT_MAX]!);
    counts.delivered++;
    if (followed && !resting) sendNext();
  }
  function answered(bytes: Buffer, start: number, end: number): void {
    const first = bytes[start + 9];
    if (first === ACK) counts.acknowledged++;
    // What a gateway says of itself, its spread for one, is no answer.
    else if (first === NACK || first === BYE) refused(bytes.toString('utf8', start, end));
  }
  function refused(text: string): void {
    if (counts.refused++ === 0) console.error(`refused: ${text}`);
  }
  const told: Told = {
    frame: (bytes, bodyAt) => arrived(numberIn(bytes, bodyAt)),
    acknowledged: () => void counts.acknowledged++,
    refused,
  };
  for (const line of crowd.lines) line.heard = heard;
  const followed = 'inFlight' in order.pace;
  let resting = false;

  function sendNext(): void {
    const number = firstNumber + counts.sent;
    sentAtMs[number % SENT_MAX] = performance.now();
    send(lanes[counts.sent++ % lanes.length]!, number);
  }

  const startMs = performance.now();
  /** How many should have been sent by now. */
  function due(): number {
    const { pace } = order;
    if ('inFlight' in pace) return counts.delivered + counts.refused + pace.inFlight;
    return Math.floor(((performance.now() - startMs) / 1_000) * pace.framesPerSecond);
  }
  const timer = setInterval(() => {
    while (counts.sent < due()) sendNext();
  }, TICK_MS);

  return {
    count() {
      const sorted = Float64Array.from(tookMs).sort();
      tookMs.length = 0;
      const timed = sorted.length > 0;
      return {
        ...counts,
        medianMs: timed ? quantile(sorted, 0.5) : 0,
        p99Ms: timed ? quantile(sorted, 0.99) : 0,
      };
    },
    async rest() {
      clearInterval(timer);
      resting = true;
      const untilMs = performance.now() + REST_MS_MAX;
      while (performance.now() < untilMs && counts.delivered < counts.sent)
        await new Promise((resolve) => setTimeout(resolve, 10));
    },
  };
}

const FRAME = 'f'.charCodeAt(0);
const ACK = 'a'.charCodeAt(0);
const NACK = 'n'.charCodeAt(0);
const BYE = 'b'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

function lanesOf(crowd: Crowd, order: SendOrder): readonly Lane[] {
  return Array.from({ length: Math.floor(crowd.lines.length / 2) }, (_, pair) => {
    const text = messageText(order, nameOf(crowd.from + 2 * pair + 1));
    const start = payloadStart(Buffer.byteLength(text));
    const numberAt = [...text.matchAll(/#+/g)].map((match) => start + match.index);
    return { line: crowd.lines[2 * pair]!, template: maskedText(text), numberAt };
  });
}

function speechOf(kind: SendOrder['kind']): Speech | undefined {
  return kind in speeches ? speeches[kind as SpeechName] : undefined;
}

/** The message with `#` where the number goes. A native body counts with its quotes. */
function messageText({ kind, bodyBytes }: SendOrder, target: string): string {
  const number = '#'.repeat(NUMBER_CHARS);
  if (kind === 'yardstick') return target.padEnd(NAME_CHARS) + number + 'x'.repeat(bodyBytes - NUMBER_CHARS);
  const body = number + 'x'.repeat(bodyBytes - 2 - NUMBER_CHARS);
  const speech = speechOf(kind);
  if (speech !== undefined) return speech.message(target, body, number);
  const message = { type: 'send', id: number, to: { user: target }, kind: 'candidate', body };
  return JSON.stringify(kind === 'volatile' ? { ...message, volatile: true } : message);
}

function send({ line, template, numberAt }: Lane, number: number): void {
  const frame = Buffer.from(template);
  for (const at of numberAt) {
    let rest = number;
    for (let digit = at + NUMBER_CHARS - 1; digit >= at; digit--) {
      frame[digit] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
  }
  line.socket.write(frame);
}

function numberIn(bytes: Buffer, at: number): number {
  let number = 0;
  for (let i = at; i < at + NUMBER_CHARS; i++) number = number * 10 + bytes[i]! - ZERO;
  return number;
}
