/** The contracts of the bus, held by the bus in memory, under virtual time. */

import { createMemoryBus } from '#bus/memory/bus.ts';
import { createVirtualClock } from '#runtime/clock.ts';
import { createSeededRandom } from '#runtime/random.ts';
import { limitsDefault, type OpenBus } from './bus-under-test.ts';
import { journalContract } from './journal.ts';
import { leasesContract } from './leases.ts';
import { logContract } from './log.ts';
import { postContract } from './post.ts';

const open: OpenBus = async (limits = {}) => {
  const clock = createVirtualClock();
  const bus = createMemoryBus({ ...limitsDefault, ...limits }, { clock, random: createSeededRandom(1) });
  return { bus, another: async () => bus, pass: (ms) => clock.advance(ms), close: () => bus.close() };
};

logContract('memory log', open);
postContract('memory post', open);
leasesContract('memory leases', open);
leasesContract('memory settings', open, 'settings');
journalContract('memory journal', open);
