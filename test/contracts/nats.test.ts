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
  return {
    bus: await another(),
    another,
    pass: async (ms) => {
      await pause(ms);
    },
    async close() {
      await Promise.all(nodes.map((node) => node.close()));
      await server.close();
    },
  };
};

logContract('NATS log', open);
postContract('NATS post', open);
leasesContract('NATS leases', open);
leasesContract('NATS settings', open, 'settings');
journalContract('NATS journal', open);
