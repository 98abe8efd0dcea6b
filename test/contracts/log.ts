/** Contract of `Log`: what gateways and routers rely on, held by every implementation. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEntry } from '#bus/seams.ts';
import { partitionOf } from '#wire/channels.ts';
import {
  append,
  appended,
  channelsIn,
  frameTo,
  type OpenBus,
  recorder,
  settled,
  until,
} from './bus-under-test.ts';

export function logContract(name: string, open: OpenBus): void {
  function contract(what: string, run: (opened: Awaited<ReturnType<OpenBus>>) => Promise<void>, limits = {}) {
    test(`${name}: ${what}`, async () => {
      const opened = await open(limits);
      try {
        await run(opened);
      } finally {
        await opened.close();
      }
    });
  }

  contract('appends of one turn enter the log in their order', async (opened) => {
    const { log } = opened.bus;
    const positions: number[] = [];
    for (let n = 0; n < 200; n++) {
      log.append(frameTo(opened.bus, 'u/bob', `${n}`), (outcome) => {
        assert(outcome.kind === 'stored' && !outcome.duplicate);
        positions.push(outcome.position);
      });
    }
    await until(opened, () => positions.length === 200, 'all are answered');
    const read = await settled(opened, log.read('u/bob', 0, Number.MAX_SAFE_INTEGER, 1e6, true));
    assert.deepEqual(read.entries.map(textOf), numbers(0, 200));
    assert.deepEqual(
      read.entries.map(({ position }) => position),
      positions,
    );
    assert(positions.every((position, n) => position > (positions[n - 1] ?? 0)));
  });

  contract('a repeat within the window is stored once, by whichever node it is sent', async (opened) => {
    const other = await opened.another();
    const frame = frameTo(opened.bus, 'u/bob', 'once');
    const position = await appended(opened, frame);
    assert.deepEqual(await append(opened, frame), { kind: 'stored', position, duplicate: true });
    assert.deepEqual(await append(opened, frame, other), { kind: 'stored', position, duplicate: true });
    const read = await settled(opened, opened.bus.log.read('u/bob', 0, position + 5, 1e6, true));
    assert.equal(read.entries.length, 1);
  });

  contract(
    'past the window a repeat is another frame',
    async (opened) => {
      const frame = frameTo(opened.bus, 'u/bob', 'twice');
      const first = await appended(opened, frame);
      let second = await append(opened, frame);
      for (let n = 0; n < 100 && second.kind === 'stored' && second.duplicate; n++) {
        await opened.pass(100);
        second = await append(opened, frame);
      }
      assert(second.kind === 'stored' && !second.duplicate && second.position > first);
    },
    { dedupWindowMs: 1_000 },
  );

  contract(
    'a full log refuses, and evicts nothing',
    async (opened) => {
      const big = 'x'.repeat(4_000);
      const stored: number[] = [];
      let n = 0;
      for (; n < 100; n++) {
        const outcome = await append(opened, frameTo(opened.bus, `u/user${n}`, big));
        if (outcome.kind !== 'stored') {
          assert.deepEqual(outcome, { kind: 'refused', fault: 'LOG_FULL' });
          break;
        }
        stored.push(outcome.position);
      }
      assert(stored.length >= 5 && stored.length < 100, `${stored.length} fit`);
      for (let user = 0; user < stored.length; user++) {
        const read = await settled(opened, opened.bus.log.read(`u/user${user}`, 0, 1e9, 1e6, true));
        assert.deepEqual(
          read.entries.map(({ position }) => position),
          [stored[user]],
        );
      }
    },
    { bytesMax: 65_536, partitions: 1 },
  );

  contract(
    'a full channel refuses; others go on, and nothing is evicted',
    async (opened) => {
      for (let n = 0; n < 5; n++) await appended(opened, frameTo(opened.bus, 'u/bob', `${n}`));
      const refused = { kind: 'refused', fault: 'CHANNEL_FULL' };
      assert.deepEqual(await append(opened, frameTo(opened.bus, 'u/bob', 'more')), refused);
      await appended(opened, frameTo(opened.bus, 'u/cid', 'other'));
      const read = await settled(opened, opened.bus.log.read('u/bob', 0, 1e9, 1e6, true));
      assert.deepEqual(read.entries.map(textOf), numbers(0, 5));
    },
    { channelFramesMax: 5 },
  );

  contract(
    'a full channel takes frames again once others have expired',
    async (opened) => {
      for (let n = 0; n < 3; n++)
        await appended(opened, frameTo(opened.bus, 'u/bob', 'short', { ttlMs: 500 }));
      let outcome = await append(opened, frameTo(opened.bus, 'u/bob', 'later'));
      assert.deepEqual(outcome, { kind: 'refused', fault: 'CHANNEL_FULL' });
      for (let n = 0; n < 100 && outcome.kind === 'refused'; n++) {
        await opened.pass(100);
        outcome = await append(opened, frameTo(opened.bus, 'u/bob', 'later'));
      }
      assert.equal(outcome.kind, 'stored');
    },
    { channelFramesMax: 3 },
  );

  contract('each frame lives its own time', async (opened) => {
    const { log } = opened.bus;
    const short = await appended(opened, frameTo(opened.bus, 'u/bob', 'short', { ttlMs: 700 }));
    const long = await appended(opened, frameTo(opened.bus, 'u/bob', 'long', { ttlMs: 60_000 }));
    const before = await settled(opened, log.read('u/bob', 0, long, 1e6, true));
    assert.deepEqual(before.entries.map(textOf), ['short', 'long']);
    let entries: readonly LogEntry[] = before.entries;
    for (let n = 0; n < 100 && entries.length > 1; n++) {
      await opened.pass(100);
      entries = (await settled(opened, log.read('u/bob', 0, long, 1e6, true))).entries;
    }
    assert.deepEqual(entries.map(textOf), ['long']);
    const record = recorder();
    const follow = log.follow(partitionOf('u/bob', log.partitions), short - 1, record);
    await until(opened, () => record.headPosition >= long, 'the follower has caught up');
    follow.stop();
    assert.deepEqual(record.texts, ['long']);
  });

  contract(
    'a follower is brought what was there and what comes, in order, without a hole',
    async (opened) => {
      const other = await opened.another();
      const channels = channelsIn(opened.bus, 3, 5);
      let asked = 0;
      let stored = 0;
      const send = () => {
        const channel = channels[asked % channels.length]!;
        opened.bus.log.append(frameTo(opened.bus, channel, `${asked++}`), (outcome) => {
          assert.equal(outcome.kind, 'stored');
          stored++;
        });
      };
      for (let n = 0; n < 300; n++) send();
      await until(opened, () => stored === 300, 'the first are stored');
      const record = recorder();
      const follow = other.log.follow(3, 0, record);
      for (let round = 0; round < 20; round++) {
        for (let n = 0; n < 50; n++) send();
        await opened.pass(2);
      }
      await until(opened, () => record.entries.length === 1_300, 'all are brought');
      follow.stop();
      assert.deepEqual(record.texts, numbers(0, 1_300));
      assert.deepEqual(record.entries[7]!.channel, channels[7 % 5]);
    },
  );

  contract('a follower begins after the position it names', async (opened) => {
    const [channel] = channelsIn(opened.bus, 2, 1);
    const positions: number[] = [];
    for (let n = 0; n < 10; n++)
      positions.push(await appended(opened, frameTo(opened.bus, channel!, `${n}`)));
    const record = recorder();
    const follow = opened.bus.log.follow(2, positions[6]!, record);
    await until(opened, () => record.entries.length === 3, 'three are brought');
    assert.deepEqual(record.texts, ['7', '8', '9']);
    follow.stop();
    await appended(opened, frameTo(opened.bus, channel!, 'after stop'));
    await opened.pass(100);
    assert.equal(record.entries.length, 3);
  });

  contract('the head of an idle partition moves with the log', async (opened) => {
    const record = recorder();
    const follow = opened.bus.log.follow(1, 0, record);
    for (const partition of [0, 2, 3, 1, 4]) {
      const [channel] = channelsIn(opened.bus, partition, 1);
      await appended(opened, frameTo(opened.bus, channel!, `${partition}`));
    }
    const end = await settled(opened, opened.bus.log.end(1));
    await until(opened, () => record.headPosition >= end, 'the head reaches the end');
    assert.deepEqual(record.texts, ['1']);
    follow.stop();
  });

  contract(
    'partitions followed side by side are each brought everything, whoever comes and goes',
    async (opened) => {
      const { log } = opened.bus;
      const channels = Array.from({ length: 4 }, (_, partition) => channelsIn(opened.bus, partition, 1)[0]!);
      const records = channels.map(() => recorder());
      const follows = records.map((record, partition) => log.follow(partition, 0, record));
      const again = recorder();
      for (let n = 0; n < 120; n++) {
        for (const channel of channels) await appended(opened, frameTo(opened.bus, channel, `${n}`));
        if (n === 40) follows[1]!.stop();
        if (n === 60) follows[1] = log.follow(1, records[1]!.entries.at(-1)?.position ?? 0, again);
        await opened.pass(20);
      }
      await until(opened, () => again.texts.at(-1) === '119', 'who came again is brought the last one');
      for (const [partition, { texts }] of records.entries()) {
        const all = partition === 1 ? [...texts, ...again.texts] : texts;
        await until(opened, () => partition === 1 || texts.length === 120, 'all are brought');
        assert.deepEqual(all, numbers(0, 120), `partition ${partition}`);
      }
      for (const follow of follows) follow.stop();
    },
  );

  contract('a position past the end belongs to another log', async (opened) => {
    const record = recorder();
    opened.bus.log.follow(1, 1_000_000, record);
    await until(opened, () => record.epochChanges === 1, 'the follower is told');
    assert.equal(record.entries.length, 0);
  });

  contract('one channel is read after a position, page by page', async (opened) => {
    const { log } = opened.bus;
    const [channel, neighbour] = channelsIn(opened.bus, 5, 2);
    const positions: number[] = [];
    for (let n = 0; n < 20; n++) {
      positions.push(await appended(opened, frameTo(opened.bus, channel!, `${n}`.padEnd(100, '.'))));
      await appended(opened, frameTo(opened.bus, neighbour!, 'not asked for'));
    }
    for (const leader of [false, true]) {
      const pages: string[][] = [];
      const upTo = positions[17]!;
      let after = positions[2]!;
      while (after < upTo) {
        const page = await settled(opened, log.read(channel!, after, upTo, 450, leader));
        assert(page.entries.every((entry) => entry.channel === channel));
        assert(page.through > after, 'a page goes on');
        pages.push(page.entries.map((entry) => textOf(entry).replaceAll('.', '')));
        after = page.through;
      }
      assert.deepEqual(pages.flat(), numbers(3, 18));
      assert(
        pages.every((page) => page.length >= 1 && page.length <= 5),
        `${pages.map((p) => p.length)}`,
      );
    }
    const large = await settled(opened, log.read(channel!, 0, positions[19]!, 1, false));
    assert.deepEqual(
      large.entries.map(({ position }) => position),
      [positions[0]],
    );
    const empty = await settled(opened, log.read('u/nobody', 0, positions[19]!, 1_000, true));
    assert.deepEqual(empty, { entries: [], through: positions[19] });
  });

  contract('frames are stored at a time of the log’s own clock', async (opened) => {
    const fromMs = opened.bus.log.nowMs();
    const position = await appended(opened, frameTo(opened.bus, 'u/bob', 'now'));
    const toMs = opened.bus.log.nowMs();
    const read = await settled(opened, opened.bus.log.read('u/bob', 0, position, 1_000, true));
    const storedAtMs = read.entries[0]!.storedAtMs;
    assert(fromMs - 50 <= storedAtMs && storedAtMs <= toMs + 50, `${fromMs} ${storedAtMs} ${toMs}`);
    const record = recorder();
    const follow = opened.bus.log.follow(partitionOf('u/bob', opened.bus.log.partitions), 0, record);
    await until(opened, () => record.entries.length === 1, 'it is brought');
    follow.stop();
    assert.equal(record.entries[0]!.storedAtMs, storedAtMs);
  });

  contract('all nodes agree on the epoch', async (opened) => {
    const other = await opened.another();
    for (let partition = 0; partition < opened.bus.log.partitions; partition++) {
      assert.notEqual(opened.bus.log.epoch(partition), '');
      assert.equal(opened.bus.log.epoch(partition), other.log.epoch(partition));
    }
  });

  contract('names of any kind are channels', async (opened) => {
    const channels = ['u/ann@example.org', 'r/team > * . räume', 'u/🙂', 'r/a', 'u/a'];
    for (const channel of channels) await appended(opened, frameTo(opened.bus, channel, channel));
    for (const channel of channels) {
      const read = await settled(opened, opened.bus.log.read(channel, 0, 1e9, 1e6, false));
      assert.deepEqual(
        read.entries.map((entry) => [entry.channel, textOf(entry)]),
        [[channel, channel]],
      );
    }
  });
}

function textOf(entry: LogEntry): string {
  return Buffer.from(entry.data).toString();
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => `${from + n}`);
}
