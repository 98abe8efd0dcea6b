/**
 * Exchange: shows that a deployment works, from outside: two clients at two gateways send a frame to each other.
 *
 * `helm test` runs it in the cluster. It looks the gateways up by name, so that the two really are two, and makes its
 * tokens itself where the issuer's secret is shared.
 */

import '#runtime/node-version.ts';
import { createHmac, randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import Type, { type Static } from 'typebox';
import { connect, type Snowshed } from '#client/index.ts';
import { type Clock, createSystemClock } from '#runtime/clock.ts';
import { commaList, configOrExit } from '#runtime/config.ts';
import { SECRET_CHARS_MIN } from '#runtime/seal.ts';
import { EXIT_UNAVAILABLE } from './on-the-bus.ts';

const ExchangeConfig = Type.Object({
  EXCHANGE_URL: Type.String({
    title: 'one or more addresses of gateways such as ws://gateways:7600, with commas between',
    pattern: '^\\s*(wss?|https?)://[^\\s,]+(\\s*,\\s*(wss?|https?)://[^\\s,]+)*\\s*$',
    description: 'Where the gateways are. A name stands for all of its addresses.',
  }),
  EXCHANGE_MS_MAX: Type.Integer({ default: 30_000, minimum: 100, maximum: 600_000 }),
  TOKEN_A: Type.Optional(Type.String({ writeOnly: true })),
  TOKEN_B: Type.Optional(Type.String({ writeOnly: true })),
  AUTH_HMAC_SECRET: Type.Optional(Type.String({ minLength: SECRET_CHARS_MIN, writeOnly: true })),
  AUTH_ISSUER: Type.Optional(Type.String()),
  AUTH_AUDIENCE: Type.Optional(Type.String()),
});
type ExchangeConfig = Static<typeof ExchangeConfig>;

/** The addresses of a name, as the resolver gives them. */
type Resolve = (name: string) => Promise<readonly string[]>;

const TOKEN_SECONDS = 300;

/**
 * One URL for each address that the given ones stand for.
 *
 * @throws Error if they are fewer than two.
 */
export async function gatewaysAt(urls: readonly string[], resolve: Resolve): Promise<readonly string[]> {
  const found = await Promise.all(
    urls.map(async (url) => {
      const { protocol, hostname, port } = new URL(url);
      const addresses = await resolve(hostname.replace(/^\[|\]$/g, ''));
      const end = port === '' ? '' : `:${port}`;
      const named = addresses.map((address) => (isIPv6(address) ? `[${address}]` : address));
      return named.map((address) => `${protocol}//${address}${end}`);
    }),
  );
  const gateways = [...new Set(found.flat())];
  if (gateways.length < 2) {
    throw new Error(`EXCHANGE_URL stands for ${gateways.length} gateways, and two are needed`);
  }
  return gateways;
}

/** The two tokens that are given, or two made with the issuer's secret. */
export function tokensOf(config: ExchangeConfig, nowMs: number): readonly [string, string] | undefined {
  const { TOKEN_A: a, TOKEN_B: b, AUTH_HMAC_SECRET: secret } = config;
  if (a !== undefined && b !== undefined) return [a, b];
  if (secret === undefined) return undefined;
  const run = randomUUID();
  return [
    signed(claims(`exchange-a-${run}`, config, nowMs), secret),
    signed(claims(`exchange-b-${run}`, config, nowMs), secret),
  ];
}

function claims(sub: string, { AUTH_ISSUER: iss, AUTH_AUDIENCE: aud }: ExchangeConfig, nowMs: number) {
  const iat = Math.floor(nowMs / 1_000);
  return { sub, iss, aud, iat, exp: iat + TOKEN_SECONDS, snowshed: { users: { send: ['exchange-*'] } } };
}

function signed(payload: object, secret: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(payload)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** Resolves when each of the two has had the frame of the other. */
async function exchange(
  gateways: readonly string[],
  tokens: readonly [string, string],
  signal: AbortSignal,
): Promise<void> {
  const clients = tokens.map((token, index) =>
    connect({ url: gateways[index]!, getToken: () => token, signal }),
  );
  try {
    await Promise.all(clients.map(({ ready }) => ready));
    const [a, b] = clients as [Snowshed, Snowshed];
    await Promise.all([sent(a, b, signal), sent(b, a, signal)]);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function sent(from: Snowshed, to: Snowshed, signal: AbortSignal): Promise<void> {
  const body = randomUUID();
  const arrived = new Promise<void>((resolve, reject) => {
    to.on('frame', (frame) => {
      if (frame.body === body && frame.from.user === from.user) resolve();
    });
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  await Promise.all([from.send({ user: to.user ?? '', kind: 'exchange', body, signal }), arrived]);
}

/** Says what became of it; gives what the process exits with. */
async function run(config: ExchangeConfig, clock: Clock): Promise<number> {
  const ended = new AbortController();
  const late = () => ended.abort(new Error(`not done within ${config.EXCHANGE_MS_MAX} ms`));
  const cancel = clock.after(config.EXCHANGE_MS_MAX, late);
  const startMs = clock.monotonicMs();
  try {
    const tokens = tokensOf(config, clock.nowMs());
    if (tokens === undefined) throw new Error('give TOKEN_A and TOKEN_B, or AUTH_HMAC_SECRET');
    const gateways = await gatewaysAt(commaList(config.EXCHANGE_URL), resolve);
    await exchange(gateways, tokens, ended.signal);
    const tookMs = Math.round(clock.monotonicMs() - startMs);
    console.log(`exchange: ${gateways[0]} and ${gateways[1]} have exchanged a frame, in ${tookMs} ms`);
    return 0;
  } catch (error) {
    const reason = ended.signal.aborted ? ended.signal.reason : error;
    console.error(`exchange: ${reason instanceof Error ? reason.message : reason}`);
    return EXIT_UNAVAILABLE;
  } finally {
    cancel();
  }
}

async function resolve(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

if (import.meta.main) process.exit(await run(configOrExit(ExchangeConfig), createSystemClock()));
