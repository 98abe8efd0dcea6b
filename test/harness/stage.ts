/**
 * Stage: a fleet, an issuer and the clients of one test file; each client starts at the next gateway.
 *
 * Names are made unique per test, so that tests share a fleet and not their users and rooms. After each
 * test its clients are cut off, and a test that failed shows the logs of the fleet.
 */

import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { type Fleet, type FleetOptions, startFleet } from './fleet.ts';
import type { FrameMessage, Reply } from './inbox.ts';
import {
  type HelloOptions,
  openPollClient,
  openWebSocketClient,
  type RawClient,
  type SendOptions,
} from './raw-client.ts';
import { createHmacIssuer, createJwksIssuer, type RotatingIssuer, type TokenOptions } from './tokens.ts';
import type { OpeningOptions } from './websocket.ts';

export interface StageOptions extends Partial<FleetOptions> {
  readonly transport: RawClient['transport'];
  /** `jwks`: ES256 by a key set on loopback, which can be rotated; else HS256. */
  readonly issuer?: 'jwks' | 'hmac';
}

export interface OpenOptions extends TokenOptions {
  readonly hello?: HelloOptions;
  readonly device?: string;
  /** The gateway to begin with; else each client starts at the next one. */
  readonly url?: string;
}

/** Whether a client is cut off after its test, or by whoever opened it. */
export type Life = 'test' | 'lasting';

export interface Stage {
  readonly fleet: Fleet;
  readonly issuer: RotatingIssuer;
  readonly transport: RawClient['transport'];
  readonly inOneProcess: boolean;
  /** Long polls over several gateways: every poll is answered by another one, so no gateway keeps a flow. */
  readonly rotates: boolean;
  /** A name that no other test has. */
  name(word: string): string;
  token(user: string, options?: TokenOptions): string;
  /** A flow that has not said hello. */
  connect(name: string, options?: OpeningOptions, url?: string, life?: Life): Promise<RawClient>;
  /** A fresh session of a user. */
  open(user: string, options?: OpenOptions): Promise<RawClient>;
  /** A flow that goes on where another one is, at the next gateway. */
  resume(client: RawClient, hello?: HelloOptions): Promise<RawClient>;
}

/** Starts the fleet before the tests of this file, and ends it after them. */
export function useStage(options: StageOptions): Stage {
  let fleet: Fleet | undefined;
  let issuer: RotatingIssuer | undefined;
  let clients: RawClient[] = [];
  let names = 0;
  let turn = 0;

  before(async () => {
    issuer = options.issuer === 'hmac' ? fixed(createHmacIssuer()) : await createJwksIssuer();
    const { gateways = 0, routers = 0, env = {} } = options;
    fleet = await startFleet({ gateways, routers, env: { ...issuer.env, ...env } });
  });
  afterEach((context) => {
    for (const client of clients) client.cut();
    clients = [];
    if ('passed' in context && context.passed === false) fleet?.show();
  });
  after(async () => {
    await fleet?.stop();
    await issuer?.close();
  });

  const stage: Stage = {
    get fleet() {
      assert(fleet !== undefined);
      return fleet;
    },
    get issuer() {
      assert(issuer !== undefined);
      return issuer;
    },
    transport: options.transport,
    inOneProcess: (options.gateways ?? 0) === 0,
    rotates: options.transport === 'poll' && (options.gateways ?? 0) > 1,
    name: (word) => `${word}-${++names}`,
    token: (user, tokenOptions) => stage.issuer.token(user, tokenOptions),
    async connect(name, openingOptions, url, life = 'test') {
      const urls = stage.fleet.urls();
      const first = url === undefined ? ++turn % urls.length : urls.indexOf(url);
      const rotated = [...urls.slice(first), ...urls.slice(0, first)];
      const client =
        options.transport === 'poll'
          ? openPollClient(name, rotated, openingOptions)
          : await openAtFirst(name, rotated, openingOptions);
      if (life === 'test') clients.push(client);
      return client;
    },
    async open(user, openOptions = {}) {
      const { hello, device = 'phone', url } = openOptions;
      const client = await stage.connect(`${user}/${device}`, undefined, url);
      await client.hello({ token: stage.token(user, openOptions), device, ...hello });
      return client;
    },
    async resume(client, hello) {
      const resumed = await stage.connect(`${client.name} again`);
      await resumed.hello({ ...client.resumption(), ...hello });
      return resumed;
    },
  };
  return stage;
}

/** At the first gateway that listens: one that is about to end refuses to be connected to. */
async function openAtFirst(
  name: string,
  urls: readonly string[],
  options: OpeningOptions | undefined,
): Promise<RawClient> {
  const [url, ...others] = urls;
  assert(url !== undefined, 'no gateway listens');
  try {
    return await openWebSocketClient(name, url, options);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error;
    return openAtFirst(name, others, options);
  }
}

function fixed(issuer: ReturnType<typeof createHmacIssuer>): RotatingIssuer {
  const never = () => assert.fail('an HMAC issuer has no key set');
  return { ...issuer, rotate: never, fetches: never, failing: never };
}

/** Asserts an `ack` and returns it. */
export function acked(reply: Reply): Extract<Reply, { type: 'ack' }> {
  assert.equal(reply.type, 'ack', `refused: ${JSON.stringify(reply)}`);
  return reply as Extract<Reply, { type: 'ack' }>;
}

/** Sends and asserts that the log has it; the position. */
export async function sendsAt(
  client: RawClient,
  to: Parameters<RawClient['send']>[0],
  body: unknown,
  options?: SendOptions,
): Promise<number> {
  const { position } = acked(await client.send(to, body, options));
  assert(typeof position === 'number' && position > 0, 'an ack of a send says its position');
  return position;
}

export function assertFault(reply: Reply, fault: string): void {
  assert.equal(reply.type, 'nack', `acknowledged: ${JSON.stringify(reply)}`);
  assert.equal((reply as Extract<Reply, { type: 'nack' }>).fault, fault);
}

export function bodiesOf(frames: readonly FrameMessage[]): unknown[] {
  return frames.map((frame) => frame.body);
}

/**
 * Shows that nothing was sent to `client` that should not have been: a marker sent on the same channel by
 * `sender` arrives, and before it came exactly these bodies.
 */
export async function assertBodies(
  client: RawClient,
  sender: RawClient,
  to: Parameters<RawClient['send']>[0],
  bodies: readonly unknown[],
): Promise<void> {
  const channel = to.user === undefined ? `r/${to.room}` : `u/${to.user}`;
  const marker = `end ${++markers}`;
  await sendsAt(sender, to, marker);
  await client.nextBody(marker);
  const came = bodiesOf(client.frames(channel)).filter((body) => !String(body).startsWith('end '));
  assert.deepEqual(came, bodies);
}

let markers = 0;
