/** AsyncAPI: the native protocol as AsyncAPI 3.0, out of the schemas that the gateway checks with. */

import type { TSchema } from 'typebox';
import {
  CONNECT_PATH,
  Cursor,
  clientMessages,
  IceServer,
  POLL_PATH,
  PollAnswer,
  PollRequest,
  PresentMember,
  SessionLimits,
  Spread,
  SUBPROTOCOL,
  serverMessages,
} from '#wire/messages.ts';
import { type Json, yaml } from './yaml.ts';

interface JsonObject {
  readonly [key: string]: Json;
}

/** What the service answers a client's message with; all others are answered by `ack` or `nack`. */
const answers: Readonly<Record<string, readonly string[]>> = {
  hello: ['wait', 'welcome', 'bye'],
  ping: ['pong'],
  bye: [],
};

const security = [{ $ref: '#/components/securitySchemes/bearer' }];

const shared = { Cursor, Spread, SessionLimits, IceServer, PresentMember };

export function asyncApiText(): string {
  return `# Made from wire/messages.ts by \`npm run docs\`.\n${yaml(asyncApiDocument())}`;
}

export function asyncApiDocument(): JsonObject {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Snowshed native protocol',
      version: '1.0.0',
      description:
        'Signaling of real-time calls: one JSON object per message, told apart by `type`. Unknown fields are ignored; an unknown type is answered by `nack` with `UNKNOWN_TYPE`. The codes of `fault` are in faults.md.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      webSocket: {
        host: '127.0.0.1:7600',
        protocol: 'ws',
        description: 'A gateway with its defaults; `wss` with TLS.',
      },
      http: { host: '127.0.0.1:7600', protocol: 'http', description: 'The same port; `https` with TLS.' },
    },
    channels: channels(),
    operations: operations(),
    components: components(),
  };
}

function channels(): JsonObject {
  const client = Object.keys(clientMessages).map(clientKey);
  const server = Object.keys(serverMessages).map(serverKey);
  return {
    connect: {
      address: CONNECT_PATH,
      title: 'WebSocket',
      description: `A WebSocket with the subprotocol \`${SUBPROTOCOL}\`, text messages. A token may come as a second entry of the list, \`bearer.<token>\`, in \`Authorization\`, or in \`hello\`; never in the URL.`,
      servers: [{ $ref: '#/servers/webSocket' }],
      messages: refs([...client, ...server], '#/components/messages/'),
      bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
    },
    poll: {
      address: POLL_PATH,
      title: 'Long poll',
      description:
        'The same messages in arrays: a POST brings those of the client, its answer those of the service.',
      servers: [{ $ref: '#/servers/http' }],
      messages: refs(['poll.request', 'poll.answer'], '#/components/messages/'),
    },
  };
}

function operations(): JsonObject {
  const received = Object.keys(clientMessages).map((type) => [`receive.${type}`, receive(type)] as const);
  const sent = Object.keys(serverMessages).map(
    (type) =>
      [`send.${type}`, { action: 'send', ...onChannel('connect', [serverKey(type)]), security }] as const,
  );
  const poll = {
    action: 'receive',
    ...onChannel('poll', ['poll.request']),
    security,
    bindings: { http: { method: 'POST', bindingVersion: '0.3.0' } },
    reply: onChannel('poll', ['poll.answer']),
  };
  return Object.fromEntries([...received, ...sent, ['poll', poll] as const]);
}

function receive(type: string): JsonObject {
  const replies = answers[type] ?? ['ack', 'nack'];
  return {
    action: 'receive',
    ...onChannel('connect', [clientKey(type)]),
    security,
    ...(replies.length > 0 && { reply: onChannel('connect', replies.map(serverKey)) }),
  };
}

function onChannel(channel: string, messages: readonly string[]): JsonObject {
  return {
    channel: { $ref: `#/channels/${channel}` },
    messages: messages.map((message) => ({ $ref: `#/channels/${channel}/messages/${message}` })),
  };
}

function components(): JsonObject {
  const all: (readonly [key: string, name: string, schema: TSchema])[] = [
    ...Object.entries<TSchema>(clientMessages).map(
      ([type, schema]) => [clientKey(type), type, schema] as const,
    ),
    ...Object.entries<TSchema>(serverMessages).map(
      ([type, schema]) => [serverKey(type), type, schema] as const,
    ),
    ['poll.request', 'poll request', PollRequest],
    ['poll.answer', 'poll answer', PollAnswer],
  ];
  return {
    messages: Object.fromEntries(all.map(([key, name, schema]) => [key, message(name, schema)])),
    securitySchemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'A JWT of the issuer (ES256, EdDSA, RS256 or HS256) with `sub`, `iat` and `exp`; or, in `hello` and polls, the resume token of the session.',
      },
    },
    schemas: Object.fromEntries(
      Object.entries(shared).map(([name, schema]) => [name, withRefs(plain(schema), name)]),
    ),
  };
}

function message(name: string, schema: TSchema): JsonObject {
  const { description, ...payload } = plain(schema);
  return {
    name,
    title: name,
    ...(description !== undefined && { summary: description }),
    payload: withRefs(payload, undefined),
  };
}

/** The schema as JSON Schema, without what TypeBox notes for itself. */
function plain(schema: TSchema): JsonObject {
  return JSON.parse(JSON.stringify(schema));
}

const sharedTexts = new Map(Object.entries(shared).map(([name, schema]) => [JSON.stringify(schema), name]));

/** The shapes that several messages share, by reference; all but the one that is being written. */
function withRefs(value: Json, self: string | undefined): Json {
  if (typeof value !== 'object' || value === null) return value;
  const name = sharedTexts.get(JSON.stringify(value));
  if (name !== undefined && name !== self) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(value)) return value.map((item: Json) => withRefs(item, self));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withRefs(inner, self)]));
}

function refs(keys: readonly string[], base: string): JsonObject {
  return Object.fromEntries(keys.map((key) => [key, { $ref: base + key }]));
}

function clientKey(type: string): string {
  return `client.${type}`;
}

function serverKey(type: string): string {
  return `server.${type}`;
}
