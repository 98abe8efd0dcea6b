import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Addresses, addressFor } from './addresses.ts';

const service = 'https://service.test';
const known: Addresses = {
  service,
  gateways: [
    { url: 'https://a.test/', weight: 0.25, priorityUrl: 'https://a.test:7602' },
    { url: 'https://b.test', weight: 0.75 },
    { url: 'https://c.test', weight: 0 },
  ],
  priorityUrl: undefined,
  sentTo: undefined,
  lost: undefined,
};
const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('[ADDRESS-1] gateways are chosen by weight, and one without weight never', () => {
  const count = new Map<string, number>();
  for (let i = 0; i < 1_000; i++) {
    const url = addressFor(known, 0, false, (i + 0.5) / 1_000);
    count.set(url, (count.get(url) ?? 0) + 1);
  }
  assert.deepEqual(
    [...count],
    [
      ['https://a.test', 250],
      ['https://b.test', 750],
    ],
  );
});

test('[ADDRESS-2] every third attempt, and each where nothing is told, goes to the address that the app gave', () => {
  fc.assert(
    fc.property(fc.nat(30), draws, fc.boolean(), (attempts, draw, inCall) => {
      assert.equal(addressFor(known, attempts, inCall, draw) === service, attempts % 3 === 2);
      assert.equal(addressFor({ ...known, gateways: [] }, attempts, inCall, draw), service);
    }),
  );
});

test('[ADDRESS-3] the first attempt does not go to the gateway just lost, unless there is no other', () => {
  fc.assert(
    fc.property(draws, (draw) => {
      assert.equal(addressFor({ ...known, lost: 'https://b.test' }, 0, false, draw), 'https://a.test');
      // Also where the flow was on its port for those in a call.
      assert.equal(addressFor({ ...known, lost: 'https://a.test:7602' }, 0, true, draw), 'https://b.test');
      const alone = { ...known, gateways: [{ url: 'https://b.test', weight: 1 }], lost: 'https://b.test' };
      assert.equal(addressFor(alone, 0, false, draw), 'https://b.test');
    }),
  );
});

test('[ADDRESS-4] in a call it goes where those in a call are expected', () => {
  assert.equal(addressFor(known, 0, true, 0.1), 'https://a.test:7602');
  assert.equal(addressFor(known, 0, true, 0.9), 'https://b.test', 'which has no such address');
  const balanced = { ...known, gateways: [], priorityUrl: 'https://calls.test' };
  assert.equal(addressFor(balanced, 0, true, 0.5), 'https://calls.test');
  assert.equal(addressFor(balanced, 0, false, 0.5), service);
  assert.equal(addressFor(balanced, 2, true, 0.5), service);
});

test('[ADDRESS-5] whoever is sent on goes there, and nowhere that is no address', () => {
  fc.assert(
    fc.property(fc.nat(30), draws, fc.boolean(), (attempts, draw, inCall) => {
      assert.equal(addressFor({ ...known, sentTo: 'wss://d.test/' }, attempts, inCall, draw), 'wss://d.test');
      const nowhere = { ...known, gateways: [{ url: 'javascript:alert(1)', weight: 1 }] };
      assert.equal(addressFor(nowhere, attempts, inCall, draw), service);
    }),
  );
});
