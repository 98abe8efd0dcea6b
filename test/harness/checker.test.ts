import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { findings, type Rule, reportOf } from './checker.ts';
import { createRecorder, type History, type Party, type Receipt } from './history.ts';

const room = 'r/hall';
const epoch = 'e1';
const ann: Party = { session: 's-ann', user: 'ann', device: 'phone' };
const bob: Party = { session: 's-bob', user: 'bob', device: 'desk' };
const cid: Party = { session: 's-cid', user: 'cid', device: 'desk' };
const parties = [ann, bob, cid];

/** A history that keeps every promise: three sessions in a room, each sends `rounds` frames in turn. */
function goodHistory(rounds: number): History {
  const recorder = createRecorder();
  for (const party of parties) recorder.owes(party, room, epoch, 100);
  let position = 100;
  for (let round = 1; round <= rounds; round++) {
    for (const sender of parties) {
      const frame = recorder.sent(sender, room, `q${round}`, { round });
      position += 3;
      recorder.acknowledged(frame, position);
      for (const receiver of parties) {
        if (receiver === sender) continue;
        const message = { channel: room, epoch, position, id: frame.id, from: sender, body: { round } };
        recorder.received(receiver, message);
      }
    }
  }
  return recorder.history;
}

function rulesOf(history: History): Rule[] {
  return [...new Set(findings(history).map((finding) => finding.rule))].sort();
}

function receiptsOf(history: History, party: Party): Receipt[] {
  return history.received.filter((receipt) => receipt.session === party.session);
}

/** Puts other receipts in the place of those of one session. */
function withReceipts(history: History, party: Party, receipts: readonly Receipt[]): History {
  const others = history.received.filter((receipt) => receipt.session !== party.session);
  return { ...history, received: [...others, ...receipts] };
}

test('[P1][P2] a history that keeps the promises has no findings', () => {
  assert.deepEqual(findings(goodHistory(5)), []);
});

test('[P1] an acknowledged frame that is missing is found, at the session that misses it', () => {
  const history = goodHistory(5);
  const receipts = receiptsOf(history, bob);
  const broken = withReceipts(history, bob, receipts.toSpliced(4, 1));
  const found = findings(broken);
  assert.deepEqual(
    found.map(({ rule, session }) => [rule, session]),
    [['lost', bob.session]],
  );
  assert.match(reportOf(found), /1 findings \(1 lost\)\n {2}lost: session s-bob, channel r\/hall: q3/);
});

test('[P1] a missing frame is no loss if it was never acknowledged, or not owed any more', () => {
  const history = goodHistory(3);
  const [first] = receiptsOf(history, cid);
  assert(first !== undefined);
  const broken = withReceipts(history, cid, receiptsOf(history, cid).slice(1));
  const frame = history.sent.find((sent) => sent.position === first.position);
  assert(frame !== undefined);
  frame.position = undefined;
  assert.deepEqual(rulesOf(broken), []);
  frame.position = first.position;
  assert.deepEqual(rulesOf(broken), ['lost']);
  for (const owed of history.owed) if (owed.session === cid.session) owed.until = 100;
  assert.deepEqual(rulesOf(broken), []);
});

test('[P2] a frame that came twice is found, at its position or at another', () => {
  const history = goodHistory(3);
  const receipts = receiptsOf(history, ann);
  const [first] = receipts;
  assert(first !== undefined);
  assert.deepEqual(rulesOf(withReceipts(history, ann, [first, ...receipts])), ['twice']);
  const stored = withReceipts(history, ann, [...receipts, { ...first, position: 999 }]);
  assert(rulesOf(stored).includes('twice'), 'the same frame stored twice');
  assert(rulesOf(stored).includes('stranger'), 'it lies elsewhere than acknowledged');
});

test('[P2] positions that go back are found', () => {
  const history = goodHistory(3);
  const [first, second, ...rest] = receiptsOf(history, ann);
  assert(first !== undefined && second !== undefined);
  assert(rulesOf(withReceipts(history, ann, [second, first, ...rest])).includes('order'));
});

test('[P2] one sender’s frames in another order are found, at a receiver and in the log', () => {
  const history = goodHistory(2);
  const [one, two] = history.sent.filter((frame) => frame.session === ann.session);
  assert(one !== undefined && two !== undefined);
  [one.position, two.position] = [two.position, one.position];
  const swapped = history.received.map((receipt) => {
    if (receipt.from !== ann) return receipt;
    const position = (receipt.id === one.id ? one.position : two.position) as number;
    return { ...receipt, position };
  });
  swapped.sort((a, b) => a.position - b.position);
  assert.deepEqual(rulesOf({ ...history, received: swapped }), ['log-order', 'sender-order']);
});

test('[P3] a frame that nobody sent, in another’s name or with another body, is found', () => {
  const history = goodHistory(2);
  const receipts = receiptsOf(history, bob);
  const [first, ...rest] = receipts;
  assert(first !== undefined);
  const changed: Receipt[] = [
    { ...first, id: 'q77' },
    { ...first, from: { ...first.from, session: 's-cid' } },
    { ...first, body: '{}' },
  ];
  for (const receipt of changed) {
    assert(rulesOf(withReceipts(history, bob, [receipt, ...rest])).includes('stranger'));
  }
});

test('frames that are not for a session are found: its own, another device’s, another channel’s', () => {
  const history = goodHistory(2);
  const [toAnn] = receiptsOf(history, bob);
  assert(toAnn !== undefined);
  const own = withReceipts(history, ann, [{ ...toAnn, session: ann.session }, ...receiptsOf(history, ann)]);
  assert.deepEqual(rulesOf(own), ['not-owed']);
  const elsewhere = { ...history, owed: history.owed.filter((owed) => owed.session !== bob.session) };
  assert.deepEqual(rulesOf(elsewhere), ['not-owed']);
  const narrowed = { ...history, sent: history.sent.map((frame) => ({ ...frame, toDevice: 'phone' })) };
  assert.deepEqual(rulesOf(narrowed), ['not-owed']);
});

test('two frames acknowledged at one position are found', () => {
  const history = goodHistory(1);
  const [one, two] = history.sent;
  assert(one !== undefined && two !== undefined);
  two.position = one.position;
  assert(rulesOf(history).includes('position'));
});

test('a gap that the service reported is a finding', () => {
  const history = goodHistory(1);
  history.gaps.push({ session: bob.session, channel: room, epoch, from: 1, to: 2 });
  assert.deepEqual(rulesOf(history), ['gap']);
});

test('a channel that was asked for brings frames before the answer, and without one; not before it was asked for', () => {
  const history = goodHistory(2);
  const unanswered = { ...history, owed: history.owed.filter(({ session }) => session !== bob.session) };
  const asks = (party: Party, channel: string, atMs: number) => ({
    ...unanswered,
    asked: [{ ...party, channel, atMs }],
  });
  const [first, second] = receiptsOf(history, bob);
  assert(first !== undefined && second !== undefined);
  assert.deepEqual(rulesOf(asks(bob, room, first.atMs)), []);
  assert.deepEqual(rulesOf(asks(bob, room, second.atMs + 1)), ['not-owed'], 'it was not asked for yet');
  assert.deepEqual(rulesOf(asks(bob, 'r/other', 0)), ['not-owed'], 'another channel was asked for');
  assert.deepEqual(rulesOf(asks(cid, room, 0)), ['not-owed'], 'another session asked');
  const narrowed = {
    ...asks(bob, room, 0),
    sent: history.sent.map((frame) => ({ ...frame, toDevice: 'x' })),
  };
  assert.deepEqual(rulesOf(narrowed), ['not-owed'], 'it is for another device');
  const answered = { ...history, asked: [{ ...bob, channel: room, atMs: second.atMs + 1 }] };
  assert.deepEqual(rulesOf(answered), ['not-owed'], 'an answer mends nothing that came before the question');
});

describe('presence', () => {
  const url = 'ws://one';
  const here = (party: Party, atMs: number, at = url) => ({
    session: party.session,
    here: true,
    url: at,
    atMs,
  });
  const away = (party: Party, atMs: number) => ({ session: party.session, here: false, url, atMs });
  /** Ann watches, and is told at 9 s that Bob is gone; an absence may be told of for 5 s. */
  function told(comings: History['comings'], outages: History['outages'] = []): readonly Rule[] {
    const toldGone = [{ watcher: ann.session, channel: room, session: bob.session, atMs: 9_000 }];
    return findings({ ...goodHistory(1), comings, outages, toldGone }, 5_000).map(({ rule }) => rule);
  }

  test('who was there all the time and is said to be gone is a finding; who was away a moment ago is none', () => {
    const both = [here(ann, 0, 'ws://two'), here(bob, 1_000)];
    assert.deepEqual(told(both), ['presence']);
    assert.deepEqual(told([...both, away(bob, 8_000)]), [], 'it is away');
    assert.deepEqual(told([...both, away(bob, 4_500), here(bob, 5_000)]), [], 'that absence may be told of');
    assert.deepEqual(told([...both, away(bob, 3_000), here(bob, 3_500)]), ['presence']);
    assert.deepEqual(
      told([...both, here(bob, 6_000, 'ws://two')]),
      ['presence'],
      'on another flow meanwhile',
    );
  });

  test('where a gateway was cut off, who is at it may be gone, and who watches there is told late; no other', () => {
    const both = [here(ann, 0, 'ws://two'), here(bob, 1_000)];
    const outage = (at: string | undefined, fromMs: number, untilMs: number) =>
      told(both, [{ url: at, fromMs, untilMs }]);
    assert.deepEqual(outage(url, 2_000, 6_000), []);
    assert.deepEqual(outage('ws://two', 2_000, 6_000), []);
    assert.deepEqual(outage(undefined, 2_000, 6_000), []);
    assert.deepEqual(outage(undefined, 8_000, Number.POSITIVE_INFINITY), [], 'it still is');
    assert.deepEqual(outage('ws://three', 2_000, 6_000), ['presence']);
    assert.deepEqual(outage(undefined, 1_000, 3_000), ['presence'], 'it has been well again for long');
    const moved = [...both, here(bob, 3_000, 'ws://three')];
    assert.deepEqual(told(moved, [{ url, fromMs: 4_500, untilMs: 6_000 }]), ['presence'], 'it was not there');
    assert.deepEqual(
      told([...both, here(bob, 4_600, 'ws://three')], [{ url, fromMs: 4_500, untilMs: 6_000 }]),
      [],
    );
  });
});

test('whatever single receipt is taken out, doubled or swapped with its neighbour, it is found', () => {
  const at = fc.nat({ max: 18 });
  fc.assert(
    fc.property(
      at,
      fc.constantFrom('lost', 'twice', 'order'),
      fc.constantFrom(...parties),
      (i, rule, who) => {
        const history = goodHistory(10);
        const receipts = receiptsOf(history, who);
        const one = receipts[i] as Receipt;
        const two = receipts[i + 1] as Receipt;
        const parts = { lost: [two], twice: [one, one, two], order: [two, one] };
        const broken = [...receipts.slice(0, i), ...parts[rule], ...receipts.slice(i + 2)];
        assert(rulesOf(withReceipts(history, who, broken)).includes(rule));
      },
    ),
  );
});
