/**
 * Staged client: a client on a fake service, with what it told the app written down; for tests.
 */

import type { ConnectOptions, Frame, Receipt, Snowshed, SnowshedError, Status } from './api.ts';
import { type Clock, FakeService } from './fake-service.ts';
import { connectOn } from './snowshed.ts';

export function stageClient(
  clock: Clock,
  draw: () => number,
  options: Partial<ConnectOptions>,
  prepare: (service: FakeService) => void,
) {
  const service = new FakeService(clock, draw);
  prepare(service);
  let tokens = 0;
  const client = connectOn(service.platform(), {
    url: 'http://gateway.test',
    getToken: () => `token-${++tokens}`,
    device: 'laptop',
    ...options,
  });
  const frames: Frame[] = [];
  const statuses: Status[] = [];
  const errors: SnowshedError[] = [];
  client.on('frame', (frame) => frames.push(frame));
  client.on('status', (status) => statuses.push(status));
  client.on('error', (error) => errors.push(error));
  return { service, client, frames, statuses, errors };
}

/** What a promise came to, without waiting for it. */
export function outcome<Value>(promise: Promise<Value>): { value?: Value; fault?: string } {
  const seen: { value?: Value; fault?: string } = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error) => {
      seen.fault = error.fault;
    },
  );
  return seen;
}

export function offer(client: Snowshed, text: string, more: object = {}): Promise<Receipt> {
  return client.send({ user: 'bob', kind: 'offer', body: text, ...more });
}

export function bodiesOf(entries: readonly { message: { readonly [key: string]: unknown } }[]): unknown[] {
  return entries.map(({ message }) => message['body']);
}

/** Joins a room, then welcomes the client to a flow that is not in it; from then on the test answers. */
export async function rejoining({ clock, service, client }: Rejoining, room: string) {
  const joining = outcome(client.join(room));
  await clock.advance(100);
  if (joining.value === undefined) throw new Error('the room was not joined');
  service.answers = false;
  const { flow } = service;
  flow.hello = { type: 'hello' };
  service.welcome(flow);
  await clock.advance(100);
  const again = flow.heardOf('join')[1];
  if (again === undefined) throw new Error('the room is not joined again');
  return { flow, again };
}

interface Rejoining {
  readonly clock: { advance(ms: number): Promise<void> };
  readonly service: FakeService;
  readonly client: Snowshed;
}
