/**
 * Native messages: lines of what a client says, to a flow that is open and to one that is not.
 *
 * What becomes a request is valid by its schema and by the rules beyond it; what is said to the client is valid by
 * its schema; a flow that is told to close says nothing more.
 */

import assert from 'node:assert/strict';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { DialectEffect, SessionRequest } from '#gateway/seams.ts';
import { faults, isFaultCode } from '#wire/faults.ts';
import { NESTING_MAX } from '#wire/limits.ts';
import { clientMessages, serverMessages } from '#wire/messages.ts';
import { sent, Talk } from '../../contracts/native-talk.ts';
import type { Target } from '../target.ts';

function checksOf(schemas: Readonly<Record<string, TSchema>>) {
  return new Map(Object.entries(schemas).map(([type, schema]) => [type, Compile(schema)]));
}
const ofClient = checksOf(clientMessages);
const ofServer = checksOf(serverMessages);

export function nativeTarget(): Target {
  return {
    name: 'native',
    judge(input) {
      const kinds = new Set<string>();
      const flows = [new Talk(), new Talk().opened()];
      for (const line of linesOf(input)) {
        for (const talk of flows) {
          const over = talk.state.phase === 'ending';
          const effects = talk.bytes(line);
          if (over) assert.deepEqual(effects, [], 'a flow that closes says nothing more');
          else assert(effects.length > 0, 'every message has an effect');
          for (const effect of effects) kinds.add(judgedEffect(effect, line));
          for (const message of sent(effects)) assertSaid(message);
        }
      }
      return [...kinds].sort().join(' ');
    },
  };
}

/** Few, as each is read on its own. */
function linesOf(input: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let end = input.indexOf(10); end >= 0 && lines.length < 8; end = input.indexOf(10, from)) {
    lines.push(input.subarray(from, end));
    from = end + 1;
  }
  return [...lines, input.subarray(from)];
}

function judgedEffect(effect: DialectEffect, line: Buffer): string {
  if (effect.kind === 'request') {
    assertValid(effect.request, line);
    return effect.request.op;
  }
  if (effect.kind === 'fault' || effect.kind === 'close') {
    assert(isFaultCode(effect.fault));
    if (effect.kind === 'close') assert('closeCode' in faults[effect.fault], effect.fault);
    return `${effect.kind} ${effect.fault}`;
  }
  return effect.kind;
}

function assertValid(request: SessionRequest, line: Buffer): void {
  const message = JSON.parse(line.toString('utf8'));
  const check: (value: unknown) => boolean = (value) => ofClient.get(request.op)?.Check(value) === true;
  assert(check(message), `accepted against its schema: ${request.op}`);
  assert.match(request.id, /^[\w.~-]{1,64}$/);
  assert(depthOf(message) <= NESTING_MAX, 'nested too deep');
  if (request.op === 'send') {
    assert(!Object.hasOwn(message, 'from'), 'a sender was claimed');
    const { channel } = request.frame.to;
    assert.equal(channel, message.to.user === undefined ? `r/${message.to.room}` : `u/${message.to.user}`);
    assertName(channel.slice(2));
    assert.equal(request.frame.body, JSON.stringify(message.body), 'the body is what was sent');
  }
  if ('room' in request) assertName(request.room);
  if ('channel' in request) assertName(request.channel.slice(2));
  if ('state' in request) assert(Buffer.byteLength(request.state) <= 1_024);
}

/** The rule of names, written down once more. */
function assertName(name: string): void {
  assert(name.isWellFormed(), 'a lone surrogate in a name');
  const bytes = Buffer.byteLength(name);
  assert(bytes >= 1 && bytes <= 128, `a name of ${bytes} bytes`);
  assert(!/\p{Cc}/u.test(name), 'a control character in a name');
}

function assertSaid(message: Record<string, unknown>): void {
  assert(
    ofServer.get(String(message['type']))?.Check(message),
    `said ${JSON.stringify(message).slice(0, 200)}`,
  );
}

/** Level by level, as it may be deeper than the stack. */
function depthOf(value: unknown): number {
  let level = [value];
  for (let depth = 0; ; depth++) {
    level = level.filter((one) => typeof one === 'object' && one !== null);
    if (level.length === 0) return depth;
    level = level.flatMap((one) => Object.values(one as object));
  }
}
