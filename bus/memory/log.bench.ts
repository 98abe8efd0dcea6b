/**
 * Asks what one frame costs in the in-memory log: appended, answered and brought to a follower.
 *
 * Budget: 3 µs, with 20 frames in a turn of the event loop and 100,000 frames alive; the `setImmediate` of
 * the turn is in it.
 */

import { bench } from 'mitata';
import { createSystemClock } from '#runtime/clock.ts';
import { createSystemRandom } from '#runtime/random.ts';
import { createMemoryBus } from './bus.ts';

const bus = createMemoryBus({}, { clock: createSystemClock(), random: createSystemRandom() });
const data = Buffer.alloc(300, 'a');
let brought = 0;
let answered = 0;
let ids = 0;
let turnDone: () => void = () => undefined;
const heedAnswer = () => {
  answered++;
};

for (let partition = 0; partition < 64; partition++) {
  bus.log.follow(partition, 0, {
    entry() {
      if (++brought === ids) turnDone();
    },
    head: () => undefined,
    epochChanged: () => undefined,
  });
}

function turn(frames: number, ttlMs: number): Promise<void> {
  for (let n = 0; n < frames; n++) {
    const channel = `u/bob${++ids % 1_000}`;
    const messageId = `ann/phone/${channel}/${ids}/0123456789abcdef`;
    bus.log.append({ partition: ids % 64, channel, messageId, data, ttlMs }, heedAnswer);
  }
  return new Promise((resolve) => {
    turnDone = resolve;
  });
}

await turn(100_000, 600_000);

bench('memory log, 20 frames in a turn', () => turn(20, 1_000));
bench('memory log, one frame in a turn', () => turn(1, 1_000));
process.on('exit', () => {
  if (answered !== ids) throw new Error(`${answered} of ${ids} appends were answered`);
});
