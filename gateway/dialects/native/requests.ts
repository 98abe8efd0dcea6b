/**
 * Requests: what a client's message asks of its session.
 *
 * The body of a send becomes text here, once; from now on nobody looks into it or encodes it again.
 *
 * Pure. The messages have been checked by `reading.ts`.
 */

import { roomChannel, userChannel } from '#wire/channels.ts';
import type { ClientMessage } from '#wire/messages.ts';
import type { OutboundFrame, SessionRequest } from '../../seams.ts';

export type RequestMessage = Exclude<ClientMessage, { type: 'hello' | 'ping' | 'bye' }>;
type Send = Extract<ClientMessage, { type: 'send' }>;

export function requestOf(message: RequestMessage): SessionRequest {
  const { id } = message;
  switch (message.type) {
    case 'send':
      return { op: 'send', id, frame: frameOf(message) };
    case 'join':
      return { op: 'join', id, room: message.room, cursor: message.cursor };
    case 'leave':
      return { op: 'leave', id, room: message.room };
    case 'refresh':
      return { op: 'refresh', id, credential: { scheme: 'jwt', token: message.token } };
    case 'presence.set':
      return { op: 'presence.set', id, state: JSON.stringify(message.state) };
    case 'presence.get':
    case 'presence.watch':
    case 'presence.unwatch':
      return { op: message.type, id, channel: message.channel };
    case 'ice':
      return { op: 'ice', id };
  }
}

function frameOf({
  id,
  to,
  kind,
  body,
  call,
  ttlMs,
  volatile,
  tellIfUnreachable,
  ageMs,
}: Send): OutboundFrame {
  return {
    id,
    to: {
      // Exactly one of the two is there.
      channel: to.user === undefined ? roomChannel(to.room ?? '') : userChannel(to.user),
      device: to.device,
      session: to.session,
    },
    kind,
    format: 'json',
    body: JSON.stringify(body),
    call,
    ttlMs,
    volatile: volatile === true,
    tellIfUnreachable: tellIfUnreachable === true,
    ageMs: ageMs ?? 0,
  };
}
