/**
 * Writing: what the gateway says to a client, as text.
 *
 * Bodies and presence states are JSON already when they come, and are laid into the text as they are. A
 * body of another format is not: it travels as a string of base64 beside its `format`, which loses
 * nothing, whatever the protocol of its sender.
 *
 * Pure. `native.ts` drives it.
 */

import type { Channel } from '#wire/channels.ts';
import type { FaultCode } from '#wire/faults.ts';
import type { Spread } from '#wire/messages.ts';
import type { Member } from '#wire/nodes.ts';
import { textOf } from '#wire/utf8.ts';
import type { Answer, DeliveredFrame, DialectEvent, Welcome } from '../../seams.ts';

type Of<Kind extends DialectEvent['kind']> = Extract<DialectEvent, { kind: Kind }>;

export const pongText = '{"type":"pong"}';

/** The frame for every recipient of this dialect: it says nothing of the one who reads it. */
export function frameText(frame: DeliveredFrame): string {
  const { header, body } = frame;
  const isVolatile = frame.position === 0;
  const isJson = header.format === 'json';
  const surroundings = JSON.stringify({
    type: 'frame',
    channel: frame.channel,
    epoch: isVolatile ? undefined : frame.epoch,
    position: isVolatile ? undefined : frame.position,
    id: header.id,
    from: { user: header.from.user, device: header.from.device, session: header.from.session },
    to: narrowedTarget(header.toDevice, header.toSession),
    kind: header.kind,
    format: isJson ? undefined : header.format,
    call: header.call,
    at: header.at,
  });
  return `${surroundings.slice(0, -1)},"body":${isJson ? textOf(body) : `"${base64Of(body)}"`}}`;
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function narrowedTarget(device: string | undefined, session: string | undefined): object | undefined {
  return device === undefined && session === undefined ? undefined : { device, session };
}

/** The id of a request that was read has no character that JSON would escape. */
export function answerText(id: string, answer: Answer): string {
  if (!answer.ok) return nackText(id, answer.fault, answer.retryAfterMs, undefined);
  let text = `{"type":"ack","id":"${id}"`;
  if (answer.position !== undefined) text += `,"position":${answer.position}`;
  if (answer.cursor !== undefined) text += `,"cursor":${cursorText(answer.cursor)}`;
  if (answer.members !== undefined) text += `,"members":${membersText(answer.members)}`;
  if (answer.truncated === true) text += ',"truncated":true';
  if (answer.iceServers !== undefined) text += `,"iceServers":${JSON.stringify(answer.iceServers)}`;
  if (answer.expiresAt !== undefined) text += `,"expiresAt":${answer.expiresAt}`;
  return `${text}}`;
}

export function nackText(
  id: string | undefined,
  fault: FaultCode,
  retryAfterMs: number | undefined,
  detail: string | undefined,
): string {
  return JSON.stringify({ type: 'nack', id, fault, retryAfterMs: wholeMs(retryAfterMs), detail });
}

export function welcomeText(welcome: Welcome): string {
  return JSON.stringify({
    type: 'welcome',
    session: welcome.session,
    user: welcome.user,
    device: welcome.device,
    resumed: welcome.resumed,
    resume: welcome.resume,
    expiresAt: welcome.expiresAt,
    spread: welcome.spread,
    priorityUrl: welcome.priorityUrl,
    inCall: welcome.inCall,
    inCallMs: welcome.inCallMs,
    pingMs: welcome.pingMs,
    cursors: welcome.cursors,
    limits: welcome.limits,
  });
}

export function waitText({ etaMs, ahead }: Of<'waiting'>): string {
  return JSON.stringify({ type: 'wait', etaMs: wholeMs(etaMs), ahead });
}

export function spreadText(spread: Spread): string {
  return JSON.stringify({ type: 'spread', ...spread });
}

export function renewedText({ resume, expiresAt, inCall, inCallMs }: Of<'renewed'>): string {
  return JSON.stringify({ type: 'resume', resume, expiresAt, inCall, inCallMs });
}

export function retryText({ afterMs, url }: Of<'sentOn'>): string {
  return JSON.stringify({ type: 'retry', afterMs: wholeMs(afterMs), url });
}

export function gapText({ channel, epoch, from, to }: Of<'gap'>): string {
  return JSON.stringify({ type: 'gap', channel, epoch, from, to });
}

export function presenceText(event: Of<'presence'>): string {
  const flags = `${event.full ? ',"full":true' : ''}${event.more ? ',"more":true' : ''}`;
  const lists = `"present":${membersText(event.present)},"gone":${membersText(event.gone)}`;
  return `{"type":"presence","channel":${JSON.stringify(event.channel)}${flags},${lists}}`;
}

export function unreachableText(id: string): string {
  return JSON.stringify({ type: 'unreachable', id });
}

export function byeText({ fault, spreadMs }: Of<'closing'>): string {
  return JSON.stringify({ type: 'bye', fault, spreadMs: wholeMs(spreadMs) });
}

function membersText(members: readonly Member[]): string {
  return `[${members.map(memberText).join(',')}]`;
}

function memberText({ user, device, session, state }: Member): string {
  const text = JSON.stringify({ user, device, session });
  return state === undefined ? text : `${text.slice(0, -1)},"state":${state}}`;
}

function cursorText(cursor: { channel: Channel; epoch: string; position: number }): string {
  return JSON.stringify({ channel: cursor.channel, epoch: cursor.epoch, position: cursor.position });
}

/** Times on the wire are whole and not negative. */
function wholeMs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.max(0, Math.ceil(ms));
}
