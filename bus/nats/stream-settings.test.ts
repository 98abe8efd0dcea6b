import assert from 'node:assert/strict';
import { test } from 'node:test';
import { natsConfig } from '#test/contracts/nats-bus.ts';
import { differences, journalStream, leasesStream, logStreams, settingsStream } from './stream-settings.ts';

const config = natsConfig('nats://127.0.0.1:4222', { partitions: 10 }, { LOG_STREAMS: 3 });

function made(settings: ReturnType<typeof journalStream>) {
  return { ...settings, metadata: { ...settings.metadata, epoch: 'e', '_nats.ver': '2.15.1' } };
}

test('every partition lies in one stream, and the streams share the bytes', () => {
  const streams = logStreams(config);
  const subjects = streams.flatMap((stream) => stream.subjects ?? []);
  assert.deepEqual(subjects.toSorted(), Array.from({ length: 10 }, (_, p) => `sig.${p}.>`).toSorted());
  assert(streams.reduce((sum, stream) => sum + (stream.max_bytes ?? 0), 0) <= config.LOG_BYTES_MAX);
});

test('a stream made as asked has no differences, also where the server adds to it', () => {
  const others = [leasesStream(config), settingsStream(config), journalStream(config)];
  for (const settings of [...logStreams(config), ...others]) {
    assert.deepEqual(differences(settings, { ...made(settings), compression: 'none', sealed: false }), []);
  }
});

test('each setting that differs is named, with both values', () => {
  const settings = logStreams(config)[1]!;
  const found = { ...made(settings), max_bytes: 5, discard: 'old' as const, subjects: ['sig.1.>'] };
  assert.deepEqual(differences(settings, found), [
    'subjects: expected sig.1.> sig.4.> sig.7.>, found sig.1.>',
    `max_bytes: expected ${settings.max_bytes}, found 5`,
    'discard: expected new, found old',
  ]);
});

test('lists too long to be said differ in what they say', () => {
  const many = natsConfig('nats://127.0.0.1:4222', { partitions: 64 }, { LOG_STREAMS: 1 });
  const settings = logStreams(many)[0]!;
  const found = { ...made(settings), subjects: settings.subjects!.with(63, 'sig.99.>') };
  const [problem, ...others] = differences(settings, found);
  assert.match(
    problem!,
    /^subjects: expected sig\.0\.> .* \(64, [0-9a-f]+\), found sig\.0\.> .* \(64, [0-9a-f]+\)$/,
  );
  assert.deepEqual(others, []);
});

test('a stream that Snowshed did not make has no epoch', () => {
  const settings = journalStream(config);
  assert.deepEqual(differences(settings, { ...settings, metadata: {} }), [
    'metadata.epoch: expected any, found none',
  ]);
});
