/**
 * Peers' text: the section of `docs/benchmarks.md` that sets other servers beside ours.
 *
 * A run without peers keeps the section as it stands. Pure.
 */

import { spreadText, tableText } from '../bench/figure.ts';
import { ratios, spreadOf } from '../bench/spread.ts';
import { centrifugoInMemory, centrifugoWithRedis } from './centrifugo.ts';
import type { Compared } from './comparison.ts';
import type { Peer } from './peer.ts';
import { snowshedFleet, snowshedInOne } from './snowshed.ts';

const likes: readonly (readonly [ours: Peer, theirs: Peer])[] = [
  [snowshedInOne, centrifugoInMemory],
  [snowshedFleet, centrifugoWithRedis],
];

export interface PeersRun {
  /** The yardstick comes first. */
  readonly compared: readonly Compared[];
  readonly connections: number;
  readonly framesPerSecond: number;
  readonly day: string;
  readonly loadBefore: number;
}

const begin = '<!-- peers: written by npm run bench -- --peers -->';
const end = '<!-- end of peers -->';
const section = new RegExp(`${begin}.*${end}`, 's');

/** The section of a page that was written earlier; empty where it has none. */
export function peersSection(page: string): string {
  return section.exec(page)?.[0] ?? '';
}

/** The page with this section in the place of its own, or at its end. */
export function withPeersSection(page: string, text: string): string {
  if (text === '' || peersSection(page) === text) return page;
  // A function, since `$` in a replacement means something.
  if (section.test(page)) return page.replace(section, () => text);
  return `${page.trimEnd()}\n\n${text}\n`;
}

export function peersText({ compared, connections, framesPerSecond, day, loadBefore }: PeersRun): string {
  const rounds = compared[0]!.bytes.length;
  return `${begin}
## Beside other servers

Written by \`npm run bench -- --peers\` on ${day}, load of the machine before it ${loadBefore.toFixed(1)}. Every server does the same
exchange: a client sends 200 bytes to one other client over WebSocket, on loopback, with the same load processes.

${costsTable(compared)}

Like with like, ours by theirs (below 1 ours takes less):

${likeWithLikeTable(compared)}

What each of them does for that, and what it does not:

${doesTable(compared)}

Read this table before the first: a relay that knows nobody, keeps nothing and answers nothing is cheaper than one that
does. What comes nearest is *one process* and Centrifugo's memory engine, with the difference that ours keeps the frame
for who comes back; and *two gateways* and Centrifugo on two nodes with Redis, with the difference that ours stores a repeat
once. There every other client is on the other node, so that no frame stays in one process.

- *Idle connection*: growth of the memory that is the processes' own (of PSS what is anonymous; sockets in the kernel are
  not in it), by ${connections} connections after the first thousand, all servers and the bus or Redis together, after
  garbage was collected. Go keeps about as much again as is in use (\`GOGC=100\`), which is left as it is by default.
- *Connect*: processor time of all of them for one connection until its client is in: upgrade, and where there is identity
  its check, subscription and announcement. The bare relays and Socket.IO check nobody, which spares them a signature.
- *Frame*: processor time of all of them per frame delivered, a hundred on their way at any moment, and the same by the
  yardstick. A server that carries more per second gathers more of them in one read or write, which makes each cheaper.
- *Delivery*: from the write of one client to the read of the other, median, at ${framesPerSecond} frames a second.
- ${rounds} rounds, of which the table has the median, the least and the greatest. Connections are measured on servers freshly
  started, peer after peer in each round; frames with all of them up, in turns. Ratios are taken within a round.
- Processes that wait for one another wait for a processor too: on a machine with other work the delivery through several
  processes grows by more than their work. Processor times suffer less.
- Redis and NATS run alone, without replicas. Both write to a file and sync it later (Redis each second, NATS by its
  default after two minutes at most): what was not synced yet may be lost with the power of the machine.
- Not compared: rooms, presence, many nodes, what happens when a node dies. Heartbeats are longer than the run for all;
  no client offers compression.
${end}`;
}

export function costsTable(compared: readonly Compared[]): string {
  const measure = compared[0]!.frameMicros;
  const header = ['server', 'idle connection', 'connect', 'frame', 'frame by the yardstick', 'delivery'];
  const rows = compared.map(({ peer, bytes, connectMicros, frameMicros, medianMs }) => [
    peer.name,
    spreadText(spreadOf(bytes.map((one) => one / 1_000)), 'kB'),
    spreadText(spreadOf(connectMicros), 'µs'),
    spreadText(spreadOf(frameMicros), 'µs'),
    spreadText(spreadOf(ratios(frameMicros, measure)), '×'),
    spreadText(spreadOf(medianMs), 'ms'),
  ]);
  return tableText(header, rows);
}

/** Ours beside the peer that promises most nearly the same. */
function likeWithLikeTable(compared: readonly Compared[]): string {
  const rows = likes.map(([ours, theirs]) => {
    const [one, other] = [ours, theirs].map((wanted) => compared.find(({ peer }) => peer === wanted)!);
    const by = (which: 'bytes' | 'connectMicros' | 'frameMicros' | 'medianMs') =>
      spreadText(spreadOf(ratios(one![which], other![which])), '×');
    const names = `${ours.name}, by ${theirs.name}`;
    return [names, by('bytes'), by('connectMicros'), by('frameMicros'), by('medianMs')];
  });
  return tableText(['ours by theirs', 'idle connection', 'connect', 'frame', 'delivery'], rows);
}

function doesTable(compared: readonly Compared[]): string {
  const header = ['server', 'identity', 'acknowledgement', 'durability', 'order and repeats'];
  const rows = compared.map(({ peer: { name, does } }) => [
    name,
    does.identity,
    does.acknowledgement,
    does.durability,
    does.order,
  ]);
  return tableText(header, rows);
}
