import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type DoorNews,
  encodeAdmission,
  type LimitsEntry,
  type LoadReport,
  limitNames,
  readDoorNews,
  readLimits,
  readLoadReport,
} from './admission.ts';
import { NODE_VERSION } from './limits.ts';

const count = fc.oneof(fc.nat(1_000_000), fc.maxSafeNat());
const rate = fc.double({ min: 0, max: 1e6, noNaN: true }).map((one) => Math.round(one * 10) / 10 + 0);
const url = fc.constantFrom('https://g1.example.org', 'wss://g2.example.org:7600/door');
const plain = { noNullPrototype: true };
const sparse = { requiredKeys: [], noNullPrototype: true } satisfies {
  requiredKeys: never[];
  noNullPrototype: true;
};

const limit = fc.record(
  { value: fc.integer({ min: 1, max: 1_000_000 }), dryRun: fc.constant(true as const) },
  { noNullPrototype: true, requiredKeys: ['value'] },
);
const counts = fc.record({ fresh: count, all: count, perAddress: count, perUser: count }, sparse);

const report: fc.Arbitrary<LoadReport> = fc.record(
  {
    v: fc.constant(NODE_VERSION),
    gateway: fc.stringMatching(/^[A-Za-z0-9_-]{1,22}$/),
    url,
    priorityUrl: url,
    leaving: fc.constant(true as const),
    listening: fc.record({ main: fc.boolean(), call: fc.boolean() }, plain),
    connections: count,
    setUpsPerSecond: rate,
    believed: fc.constant(true as const),
    busyShare: fc.constantFrom(0, 0.25, 1),
    workMs: rate,
    handshakes: count,
    waiting: fc.record({ call: count, stock: count, resume: count, fresh: count, pretender: count }, plain),
    waitingFresh: count,
    movable: count,
    setUps: count,
    limited: counts,
    wouldLimit: counts,
    term: count,
    credits: fc.record({ fresh: count, all: count }, sparse),
    limits: count,
    spread: fc.record(
      { gatewayMs: count, fleetMs: count, gateways: count },
      { noNullPrototype: true, requiredKeys: ['gatewayMs', 'fleetMs'] },
    ),
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      ...(['v', 'gateway', 'listening', 'connections', 'setUpsPerSecond', 'busyShare', 'workMs'] as const),
      ...(['handshakes', 'waiting', 'waitingFresh', 'movable', 'setUps', 'limits'] as const),
    ],
  },
);

const allotment = fc.record(
  { credits: count, perSecond: rate, dryRun: fc.constant(true as const) },
  { noNullPrototype: true, requiredKeys: ['credits', 'perSecond'] },
);
const news: fc.Arbitrary<DoorNews> = fc.record(
  {
    v: fc.constant(NODE_VERSION),
    router: fc.constant('r1'),
    term: count,
    window: count,
    credits: fc.record(
      { gateways: fc.integer({ min: 1, max: 200 }), fresh: allotment, all: allotment },
      { noNullPrototype: true, requiredKeys: ['gateways'] },
    ),
    spread: fc.record(
      {
        gatewayMs: fc.nat(),
        fleetMs: fc.nat(),
        gateways: fc.array(fc.record({ url, weight: fc.constantFrom(0, 0.5) }, plain), { maxLength: 3 }),
      },
      { noNullPrototype: true, requiredKeys: ['gatewayMs', 'fleetMs'] },
    ),
    moves: fc.array(fc.record({ url, clients: fc.integer({ min: 1, max: 9_999 }) }, plain), { maxLength: 3 }),
    limits: fc.record(
      { revision: count, perAddress: limit, perUser: limit },
      { noNullPrototype: true, requiredKeys: ['revision'] },
    ),
  },
  { noNullPrototype: true, requiredKeys: ['v', 'router', 'term', 'window'] },
);
const limits: fc.Arbitrary<LimitsEntry> = fc.record(
  {
    v: fc.constant(NODE_VERSION),
    limits: fc.record(Object.fromEntries(limitNames.map((name) => [name, limit])), sparse),
  },
  plain,
);

const readers = [readLoadReport, readDoorNews, readLimits];

test('[LOAD-1] what was written is read as it was', () => {
  fc.assert(fc.property(report, (one) => assert.deepEqual(readLoadReport(encodeAdmission(one)), one)));
  fc.assert(fc.property(news, (one) => assert.deepEqual(readDoorNews(encodeAdmission(one)), one)));
  fc.assert(fc.property(limits, (one) => assert.deepEqual(readLimits(encodeAdmission(one)), one)));
});

test('[LOAD-2] fields that a later release adds are ignored, a later version is told from a broken one', () => {
  fc.assert(
    fc.property(report, (one) => {
      const more = { ...one, mood: 'calm', waiting: { ...one.waiting, later: 1 } };
      assert.deepEqual(readLoadReport(encodeAdmission(more)), one);
      assert.equal(readLoadReport(encodeAdmission({ ...one, v: NODE_VERSION + 1 })), 'VERSION');
    }),
  );
  fc.assert(
    fc.property(news, (one) => {
      const moves = one.moves?.map((move) => ({ ...move, mood: ['calm'] }));
      const limits = one.limits && { ...one.limits, later: { perNetwork: 1 } };
      const more = { ...one, ...(moves && { moves }), ...(limits && { limits }), toString: 1 };
      assert.deepEqual(readDoorNews(encodeAdmission(more as DoorNews)), one);
    }),
  );
});

test('[LOAD-3] whatever bytes come are a sound message or refused, and never throw', () => {
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(junk, (bytes) => {
      for (const read of readers) assert(['VERSION', 'MALFORMED'].includes(read(bytes) as string));
    }),
  );
});

test('[LOAD-4] a report with one number out of its bounds is refused', () => {
  const numbers = ['connections', 'setUpsPerSecond', 'busyShare', 'workMs', 'movable', 'setUps'] as const;
  const wrong = fc.constantFrom(-1, 1e17, Number.NaN, Number.POSITIVE_INFINITY, '7', null, [], {});
  fc.assert(
    fc.property(report, fc.constantFrom(...numbers), wrong, (one, name, value) => {
      const forged = { ...one, [name]: value } as LoadReport;
      assert.equal(readLoadReport(encodeAdmission(forged)), 'MALFORMED');
    }),
  );
});

test('[LOAD-5] a gateway that would not fit a subject, or an address that is none, is refused', () => {
  fc.assert(
    fc.property(report, (one) => {
      for (const gateway of ['', 'a.b', '*', '>', 'a b', 'x'.repeat(65)]) {
        assert.equal(readLoadReport(encodeAdmission({ ...one, gateway })), 'MALFORMED');
      }
      for (const wrong of ['javascript:alert(1)', 'g1.example.org', 'https://a b']) {
        assert.equal(readLoadReport(encodeAdmission({ ...one, url: wrong })), 'MALFORMED');
      }
    }),
  );
});
