/**
 * Scenarios: what `npm run load` can do: the script that k6 runs, the fleet it wants, and what happens to that fleet meanwhile.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { LocalFleet } from './local-fleet.ts';

export interface Finding {
  readonly what: string;
  readonly met: boolean;
}

export interface Scenario {
  readonly about: string;
  readonly script: string;
  readonly gateways: number;
  readonly routers: number;
  readonly bus?: 'alone' | 'cluster';
  readonly seconds: number;
  /** k6 reaches the gateways through one address, as clients of a new gateway must. */
  readonly balanced?: boolean;
  /** Variables of the script. */
  readonly set?: Readonly<Record<string, string>>;
  /** Of the processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** What happens to a local fleet while k6 runs; another deployment is left alone. */
  meanwhile?(fleet: LocalFleet, say: (line: string) => void, seconds: number): Promise<readonly Finding[]>;
}

const IMBALANCE_MAX = 1.25;
const GROWTH_MAX = 1.2;

export const scenarios: Readonly<Record<string, Scenario>> = {
  'ramp-and-hold': {
    about: 'sessions are opened evenly, stay, and are closed',
    script: 'ramp-and-hold.ts',
    ...{ gateways: 2, routers: 1, seconds: 30 },
  },
  'connect-storm': {
    about: 'new sessions arrive at a rate that grows to a peak, whatever the service makes of it',
    script: 'connect-storm.ts',
    ...{ gateways: 2, routers: 1, seconds: 30 },
  },
  pairs: {
    about: 'calls between two people on any two gateways, every frame checked',
    script: 'pairs.ts',
    ...{ gateways: 2, routers: 2, seconds: 30 },
  },
  rooms: {
    about: 'what one says in a room reaches everybody in it, once',
    script: 'rooms.ts',
    ...{ gateways: 3, routers: 2, seconds: 30 },
  },
  'slow-consumer': {
    about: 'readers that stop to read are cut off; the others do not notice',
    script: 'slow-consumer.ts',
    ...{ gateways: 2, routers: 1, seconds: 30 },
  },
  'rolling-restart': {
    about: 'every gateway and every router is replaced, one after another, under calls; nothing is lost',
    script: 'pairs.ts',
    ...{ gateways: 3, routers: 2, seconds: 60 },
    env: { GATEWAY_DRAIN_MS: '5000' },
    set: { DELIVERY_P95_MS: '5000', AWAY_MAX_MS: '5000' },
    meanwhile: rollingRestart,
  },
  'scale-out': {
    about:
      'a gateway is added under sessions that stay; the full gateways shed idle sessions until the load is even',
    script: 'ramp-and-hold.ts',
    ...{ gateways: 2, routers: 1, seconds: 90, balanced: true },
    // Who is shed loses a flow, and comes back elsewhere.
    set: { FLOWS_LOST_BELOW: '1000000', RAMP_S: '5' },
    meanwhile: scaleOut,
  },
  'bus-away': {
    about:
      'a node of the bus is told to go (lame duck), one is killed, and for 10 s all links to the bus are cut; nothing is lost',
    script: 'pairs.ts',
    ...{ gateways: 2, routers: 2, bus: 'cluster', seconds: 75 },
    set: { DELIVERY_P95_MS: '20000', CALL_EVERY_S: '2' },
    meanwhile: busAway,
  },
  soak: {
    about: 'calls for an hour; the memory of the gateways must not grow',
    script: 'pairs.ts',
    ...{ gateways: 2, routers: 2, seconds: 3_600 },
    meanwhile: soak,
  },
};

const SETTLED_S = 5;

async function rollingRestart(fleet: LocalFleet, say: (line: string) => void): Promise<readonly Finding[]> {
  await pause(SETTLED_S * 1_000);
  for (const index of fleet.gateways.keys()) {
    say(`replacing gateway ${index + 1} of ${fleet.gateways.length}`);
    await fleet.replaceGateway(index);
  }
  for (const index of fleet.routers.keys()) {
    say(`replacing router ${index + 1} of ${fleet.routers.length}`);
    await fleet.replaceRouter(index);
  }
  return [{ what: 'every gateway and every router was replaced', met: true }];
}

async function scaleOut(
  fleet: LocalFleet,
  say: (line: string) => void,
  seconds: number,
): Promise<readonly Finding[]> {
  await pause((seconds * 1_000) / 3);
  say('one gateway more');
  await fleet.addGateway();
  await pause((seconds * 1_000) / 2);
  const sessions = await Promise.all(fleet.gateways.map((one) => one.metric('gateway_sessions')));
  const mean = sessions.reduce((sum, one) => sum + one, 0) / sessions.length;
  const imbalance = Math.max(...sessions) / mean;
  const met = mean > 0 && imbalance <= IMBALANCE_MAX;
  return [
    {
      what: `sessions ${sessions.join(', ')}: fullest by mean ${imbalance.toFixed(2)} (${IMBALANCE_MAX})`,
      met,
    },
  ];
}

async function busAway(
  { busNodes, cutLinks, healLinks }: LocalFleet,
  say: (line: string) => void,
): Promise<readonly Finding[]> {
  const [first, second] = busNodes;
  await pause(SETTLED_S * 1_000);
  say('bus node 1 in lame duck mode');
  process.kill(first!.pid!, 'SIGUSR2');
  await pause(12_000);
  await first!.kill();
  await first!.start();
  say('bus node 1 is back');
  await pause(8_000);
  say('bus node 2 killed');
  await second!.kill();
  await pause(5_000);
  await second!.start();
  say('bus node 2 is back');
  await pause(8_000);
  say('all links to the bus cut');
  cutLinks();
  await pause(10_000);
  healLinks();
  say('links healed');
  return [{ what: 'lame duck, a node killed, and 10 s without the bus', met: true }];
}

async function soak(
  fleet: LocalFleet,
  say: (line: string) => void,
  seconds: number,
): Promise<readonly Finding[]> {
  await pause((seconds * 1_000) / 4);
  const before = await memory(fleet);
  say(`gateways hold ${megabytes(before)} MB`);
  await pause(seconds * 1_000 * 0.7);
  const after = await memory(fleet);
  return [
    {
      what: `memory of the gateways grew from ${megabytes(before)} to ${megabytes(after)} MB (at most × ${GROWTH_MAX})`,
      met: after <= GROWTH_MAX * before,
    },
  ];
}

async function memory(fleet: LocalFleet): Promise<number> {
  const all = await Promise.all(fleet.gateways.map((one) => one.metric('process_resident_memory_bytes')));
  return all.reduce((sum, one) => sum + one, 0);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
