/**
 * Inside: asks what a frame of 200 B costs in our own code alone: gateway, router and in-memory log, without
 * sockets and without what NATS takes.
 *
 * `node --expose-gc load-tests/inside.ts [--blocks 60]` sends blocks of frames, a turn of the loop for each frame or
 * for each five, and prints the time per frame of the fastest block and of the one in the middle. Budget: 15 µs.
 * With `--cpu-prof` it is the place to look for what could be cheaper.
 */

import { parseArgs } from 'node:util';
import { type Inside, startInside } from './bench/inside.ts';
import { nameOf } from './bench/orders.ts';
import { spreadOf } from './bench/spread.ts';

const { values } = parseArgs({ options: { blocks: { type: 'string', default: '60' } } });
const USERS = 400;
const BLOCK_FRAMES = 2_000;
const inside = await startInside(USERS);
let number = 0;

for (const perTurn of [1, 5]) {
  for (const kind of ['volatile', 'durable'] as const) {
    const took: number[] = [];
    const texts = textsOf(kind);
    for (let block = 0; block < Number(values.blocks); block++) {
      took.push(blockMicros(inside, texts, perTurn));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { min, median } = spreadOf(took.slice(took.length / 3));
    const turn = perTurn === 1 ? 'alone in its turn' : `${perTurn} in a turn`;
    console.log(`${kind}, ${turn}: ${min.toFixed(2)} µs at best, ${median.toFixed(2)} in the middle`);
  }
}
process.exit(0);

function textsOf(kind: 'volatile' | 'durable'): readonly string[] {
  return Array.from({ length: USERS / 2 }, (_, pair) => {
    const message = {
      type: 'send',
      id: '#########',
      to: { user: nameOf(2 * pair + 1) },
      kind: 'candidate',
      body: 'x'.repeat(198),
    };
    return JSON.stringify(kind === 'volatile' ? { ...message, volatile: true } : message);
  });
}

/** Microseconds per frame. */
function blockMicros({ flows, receive, turn }: Inside, texts: readonly string[], perTurn: number): number {
  const messages = Array.from({ length: BLOCK_FRAMES }, (_, n) =>
    Buffer.from(texts[n % texts.length]!.replace('#########', `${++number}`.padStart(9, '0'))),
  );
  const before = delivered(inside);
  const startMs = performance.now();
  for (let n = 0; n < BLOCK_FRAMES; n++) {
    receive(flows[2 * (n % texts.length)]!, messages[n]!);
    if (n % perTurn === perTurn - 1) turn();
  }
  const micros = ((performance.now() - startMs) * 1_000) / BLOCK_FRAMES;
  if (delivered(inside) - before !== BLOCK_FRAMES) throw new Error(`not all came: ${flows[0]!.last}`);
  return micros;
}

function delivered({ flows }: Inside): number {
  return flows.reduce((sum, flow, n) => (n % 2 === 1 ? sum + flow.sent : sum), 0);
}
