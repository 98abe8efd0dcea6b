/**
 * Reading: the message of a client out of its bytes, or what is wrong with them.
 *
 * A message is parsed once and checked against its schema in `wire/messages.ts` (compiled at load; a
 * check of `send` takes about 40 ns), then against what a schema cannot say: names, channels, and fields
 * that exclude one another. What is not JSON at all closes the flow; a bad field is the request's own.
 *
 * Pure. `native.ts` asks it for every message.
 */

import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { channelParts, isName } from '#wire/channels.ts';
import type { FaultCode } from '#wire/faults.ts';
import { CURSORS_MAX, ID_CHARS_MAX, NESTING_MAX } from '#wire/limits.ts';
import { type ClientMessage, clientMessages } from '#wire/messages.ts';
import { textOf } from '#wire/utf8.ts';
import { isNestedDeeper } from './nesting.ts';

/** What is wrong with a message. */
export interface Mistake {
  readonly type: 'mistake';
  readonly fault: FaultCode;
  /** The flow cannot go on: it is not known what the client meant to say. */
  readonly closes: boolean;
  /** The type of message that has a bad field. */
  readonly of: string | undefined;
  /** Of the request, where it named a valid one. */
  readonly id: string | undefined;
  /** The field, as in `to.user`. */
  readonly detail: string | undefined;
}

interface MessageKind {
  readonly validator: ReturnType<typeof Compile<TSchema>>;
  /** The first field that breaks a rule beyond the schema. */
  readonly badField: (message: never) => string | undefined;
}

type MessageOf<T extends ClientMessage['type']> = Extract<ClientMessage, { type: T }>;

const kinds: ReadonlyMap<string, MessageKind> = new Map([
  kind('hello', badFieldOfHello),
  kind('send', badFieldOfSend),
  kind('join', badFieldOfRoom),
  kind('leave', badFieldOfRoom),
  kind('refresh', none),
  kind('bye', none),
  kind('ping', none),
  kind('presence.set', none),
  kind('presence.get', badFieldOfChannel),
  kind('presence.watch', badFieldOfChannel),
  kind('presence.unwatch', badFieldOfChannel),
  kind('ice', none),
]);

const validId = new RegExp(`^[A-Za-z0-9._~-]{1,${ID_CHARS_MAX}}$`);

/** The message in these bytes, checked, or the mistake. Fields that no schema knows are left in. */
export function readMessage(data: Uint8Array): ClientMessage | Mistake {
  const text = textOf(data);
  if (isNestedDeeper(text, NESTING_MAX)) return closing('TOO_DEEP');
  const value = parsed(text);
  if (value === undefined) return closing('MALFORMED');
  const kind = kinds.get(value.type);
  if (kind === undefined) return refused('UNKNOWN_TYPE', value, undefined);
  if (value.type === 'send' && Object.hasOwn(value, 'from')) return refused('FORGED_SENDER', value, 'from');
  if (!kind.validator.Check(value)) return refused('INVALID', value, firstBadField(kind, value));
  const badField = kind.badField(value as never);
  return badField === undefined ? (value as ClientMessage) : refused('INVALID', value, badField);
}

interface Typed {
  readonly type: string;
  readonly id?: unknown;
  readonly cursors?: unknown;
}

function parsed(text: string): Typed | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  // A field of its own, so that nothing inherited is taken for it.
  if (!Object.hasOwn(value, 'type')) return undefined;
  const { type } = value as { type: unknown };
  return typeof type === 'string' ? (value as Typed) : undefined;
}

function closing(fault: FaultCode): Mistake {
  return { type: 'mistake', fault, closes: true, of: undefined, id: undefined, detail: undefined };
}

function refused(fault: FaultCode, value: Typed, detail: string | undefined): Mistake {
  const id = typeof value.id === 'string' && validId.test(value.id) ? value.id : undefined;
  const of = fault === 'UNKNOWN_TYPE' ? undefined : value.type;
  return { type: 'mistake', fault, closes: false, of, id, detail };
}

function firstBadField(kind: MessageKind, value: Typed): string | undefined {
  // All errors are collected: of a message full of bad cursors that took 30 times as long as to read a good one.
  if (Array.isArray(value.cursors) && value.cursors.length > CURSORS_MAX) return 'cursors';
  const error = kind.validator.Errors(value)[0];
  if (error === undefined) return undefined;
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  if (error.keyword !== 'required') return path;
  const missing = error.params.requiredProperties[0] ?? '';
  return path === '' ? missing : `${path}.${missing}`;
}

function kind<T extends ClientMessage['type']>(
  type: T,
  badField: (message: MessageOf<T>) => string | undefined,
): [string, MessageKind] {
  return [type, { validator: Compile(clientMessages[type] as TSchema), badField }];
}

function none(): undefined {}

function badFieldOfHello(hello: MessageOf<'hello'>): string | undefined {
  if (hello.token !== undefined && hello.resume !== undefined) return 'resume';
  if (!isOptionalName(hello.device)) return 'device';
  const index = hello.cursors?.findIndex((cursor) => channelParts(cursor.channel) === undefined) ?? -1;
  return index < 0 ? undefined : `cursors.${index}.channel`;
}

function badFieldOfSend({ to }: MessageOf<'send'>): string | undefined {
  if ((to.user === undefined) === (to.room === undefined)) return 'to';
  if (!isOptionalName(to.user)) return 'to.user';
  if (!isOptionalName(to.room)) return 'to.room';
  if (!isOptionalName(to.device)) return 'to.device';
  return isOptionalName(to.session) ? undefined : 'to.session';
}

function badFieldOfRoom({ room }: MessageOf<'join' | 'leave'>): string | undefined {
  return isName(room) ? undefined : 'room';
}

function badFieldOfChannel({
  channel,
}: MessageOf<'presence.get' | 'presence.watch' | 'presence.unwatch'>): string | undefined {
  return channelParts(channel) === undefined ? 'channel' : undefined;
}

function isOptionalName(name: string | undefined): boolean {
  return name === undefined || isName(name);
}
