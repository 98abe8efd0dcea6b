/**
 * Faults: what is done to a running fleet and its crowd, one kind each; how to begin it and how it ends.
 *
 * A fault of a process waits until enough others of its kind are well: one gateway, one router, and of a cluster
 * two nodes. Clients are hurt at any time.
 */

import type { Fleet } from '../harness/fleet.ts';
import type { NatsServer } from '../harness/nats-server.ts';
import type { ServiceProcess } from '../harness/process.ts';
import { openWebSocketClient } from '../harness/raw-client.ts';
import type { Crowd } from './crowd.ts';

export interface Scene {
  readonly fleet: Fleet;
  readonly crowd: Crowd;
  readonly token: (user: string) => string;
  /** For how long something is stopped, slow or cut at most. */
  readonly msMax: number;
  /** What is being hurt at this moment. */
  readonly hurt: Set<unknown>;
}

/** Does it, and resolves when it is over and mended; false: not possible at this moment. */
export type Fault = (scene: Scene) => Promise<boolean>;

const notNow = false;

function lastsMs({ crowd, msMax }: Scene): number {
  return Math.min(msMax, 1_000) + crowd.random.draw() * Math.max(0, msMax - 1_000);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** One of those that are well, if so many others are as well. */
function victim<One extends object>(
  scene: Scene,
  all: readonly One[],
  runs: (one: One) => boolean,
  othersMin: number,
): One | undefined {
  const well = all.filter((one) => runs(one) && !scene.hurt.has(one));
  if (well.length <= othersMin) return undefined;
  return well[Math.floor(scene.crowd.random.draw() * well.length)];
}

async function hurting<One>(
  scene: Scene,
  one: One | undefined,
  harm: (one: One) => Promise<void>,
): Promise<boolean> {
  if (one === undefined) return notNow;
  scene.hurt.add(one);
  try {
    await harm(one);
  } finally {
    scene.hurt.delete(one);
  }
  return true;
}

/** To those who watch, sessions that nobody can reach may be gone; and who cannot be reached is told late. */
async function unreachable(scene: Scene, url: string | undefined, during: Promise<unknown>): Promise<void> {
  const over = scene.crowd.recorder.outage(url);
  await during.finally(over);
}

// Gateways and routers.

type Service = 'gateway' | 'router';

function ofService(service: Service, harm: (scene: Scene, one: ServiceProcess) => Promise<void>): Fault {
  return (scene) => {
    const { gateways, routers } = scene.fleet;
    const one = victim(scene, service === 'gateway' ? gateways : routers, ({ running }) => running, 1);
    return hurting(scene, one, async (hurt) => {
      const harmed = harm(scene, hurt);
      await (service === 'gateway' ? unreachable(scene, hurt.url, harmed) : harmed);
    });
  };
}

/** One more; where it has to wait for the bus longer than the harness does, another in its place. */
async function another(scene: Scene, service: Service, attempts = 5): Promise<void> {
  const { fleet } = scene;
  try {
    const one = await (service === 'gateway' ? fleet.addGateway() : fleet.addRouter());
    await one.ready(60_000);
  } catch (error) {
    if (attempts <= 1) throw error;
    await pause(500);
    await another(scene, service, attempts - 1);
  }
}

function killed(service: Service): Fault {
  return ofService(service, async (scene, one) => {
    await one.kill();
    await another(scene, service);
  });
}

function restarted(service: Service): Fault {
  return ofService(service, async (scene, one) => {
    one.signal('SIGTERM');
    await Promise.all([one.exited, another(scene, service)]);
  });
}

function stopped(service: Service): Fault {
  return ofService(service, async (scene, one) => {
    one.signal('SIGSTOP');
    await pause(lastsMs(scene));
    one.signal('SIGCONT');
  });
}

type LinkOf = ReturnType<Fleet['link']>;

function linkHurt(service: Service, harm: (link: LinkOf, draw: number) => void): Fault {
  return ofService(service, async (scene, one) => {
    const link = scene.fleet.link(one);
    harm(link, scene.crowd.random.draw());
    await pause(lastsMs(scene));
    link.heal();
  });
}

// The bus.

function ofBus(harm: (scene: Scene, node: NatsServer) => Promise<void>): Fault {
  return (scene) => {
    const { busNodes } = scene.fleet;
    // Of three, two have to be well; the one that is alone is hurt all the same, when nothing else of the bus is.
    const othersMin = busNodes.length === 1 ? 0 : 2;
    const node = victim(scene, busNodes, ({ pid }) => pid !== undefined, othersMin);
    return hurting(scene, node, (one) => unreachable(scene, undefined, harm(scene, one)));
  };
}

const busKilled = ofBus(async (scene, node) => {
  await node.kill();
  await pause(lastsMs(scene) / 2);
  await node.start();
});

const busRestarted = ofBus(async (_, node) => {
  await node.stop();
  await node.start();
});

const busStopped = ofBus(async (scene, node) => {
  node.freeze();
  await pause(lastsMs(scene));
  node.resume();
});

// The log.

const floodBytes = 48_000;
const floodTtlMs = 5_000;
const floodFramesMax = 3_000;

/** Fills the log, or what the bound leaves of it, until it refuses; what is in it is soon forgotten. */
async function logFull({ fleet, crowd, token, hurt }: Scene): Promise<boolean> {
  const well = fleet.gateways.filter((gateway) => gateway.running && !hurt.has(gateway));
  const [gateway] = well;
  if (gateway === undefined) return notNow;
  const client = await openWebSocketClient('flood', gateway.url).catch(() => undefined);
  if (client === undefined) return notNow;
  let refused = 0;
  client.listen((message) => {
    if (message.type === 'nack' && message.fault === 'LOG_FULL') refused++;
  });
  try {
    await client.hello({ token: token('flood'), device: `flood-${crowd.random.draw()}` });
    const body = 'x'.repeat(floodBytes);
    for (let n = 0; n < floodFramesMax && refused === 0; n++) {
      const to = { room: `flood-${n}` };
      client.post({ type: 'send', id: `${n}`, to, kind: 'test', body, ttlMs: floodTtlMs });
      if (n % 16 === 15) await pause(25);
    }
  } catch {
    return notNow;
  } finally {
    client.cut();
  }
  return refused > 0;
}

// Clients.

function ofClient(
  harm: (scene: Scene, session: Crowd['sessions'][number]) => boolean | Promise<boolean>,
): Fault {
  return async (scene) => {
    const { sessions, random } = scene.crowd;
    const session = sessions[Math.floor(random.draw() * sessions.length)];
    if (session === undefined || !session.connected) return notNow;
    return harm(scene, session);
  };
}

function urlByChance({ fleet, crowd }: Scene): string {
  const urls = fleet.urls();
  return urls[Math.floor(crowd.random.draw() * urls.length)] as string;
}

export const processFaults = {
  'gateway killed': killed('gateway'),
  'router stopped': stopped('router'),
  'bus node killed': busKilled,
  'gateway link one-way, what it sends': linkHurt('gateway', (link) => link.hold('out')),
  'router killed': killed('router'),
  'gateway restarted': restarted('gateway'),
  'bus node stopped': busStopped,
  'gateway link cut': linkHurt('gateway', (link) => link.cut()),
  'router link slow, its leases with it': linkHurt('router', (link, draw) => link.slow(300 + draw * 700)),
  'gateway stopped': stopped('gateway'),
  'router restarted': restarted('router'),
  'gateway link slow': linkHurt('gateway', (link, draw) => link.slow(50 + draw * 250, 200_000)),
  'bus node restarted': busRestarted,
  'gateway link one-way, what it gets': linkHurt('gateway', (link) => link.hold('in')),
  'log full': logFull,
} as const satisfies Record<string, Fault>;

export const clientFaults = {
  'client cut off': ofClient((_, session) => {
    session.cut();
    return true;
  }),
  'client vanished': ofClient((_, session) => {
    session.vanish();
    return true;
  }),
  'client on two flows': ofClient((scene, session) => session.addFlow(urlByChance(scene))),
  'client on another device': ofClient(async ({ crowd }, session) => {
    await crowd.changeDevice(session);
    return true;
  }),
  'client repeats a send': ofClient((_, session) => session.repeatOne()),
} as const satisfies Record<string, Fault>;

export type FaultKind = keyof typeof processFaults | keyof typeof clientFaults;
