/** The contracts of the bus, held by NATS: a real server for each test. */

import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '#bus/seams.ts';
import { startNatsServer } from '../harness/nats-server.ts';
import type { OpenBus } from './bus-under-test.ts';
import { journalContract } from './journal.ts';
import { leasesContract } from './leases.ts';
import { logContract } from './log.ts';
import { connectNode, natsConfig } from './nats-bus.ts';
import { postContract } from './post.ts';

const open: OpenBus = async (limits) => {
  const server = await startNatsServer();
  const config = natsConfig(server.url, limits);
  const nodes: Bus[] = [];
  const another = async () => {
    const node = await connectNode(config);
    nodes.push(node);
    return node;
  };
  async function close(): Promise<void> {
    await Promise.all(nodes.map((node) => node.close()));
    await server.close();
  }
  const bus = await another().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    ...{ bus, another, close },
    pass: async (ms) => {
      await pause(ms);
    },
  };
};

logContract('NATS log', open);
postContract('NATS post', open);
leasesContract('NATS leases', open);
leasesContract('NATS settings', open, 'settings');
journalContract('NATS journal', open);
