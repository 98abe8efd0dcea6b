import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { charged, evenShare, nextStage, type Stage } from './share.ts';

/** CPU that each stage gets while both wait all the time. */
function served(
  ofHandshakes: number,
  handshakeMs: number,
  setUpMs: number,
  turns: number,
): Record<Stage, number> {
  const share = evenShare(ofHandshakes);
  const got = { handshake: 0, setUp: 0 };
  for (let i = 0; i < turns; i++) {
    const stage = nextStage(share, true, true)!;
    const spentMs = stage === 'handshake' ? handshakeMs : setUpMs;
    charged(share, stage, spentMs, true);
    got[stage] += spentMs;
  }
  return got;
}

const pieces = fc.double({ min: 0.01, max: 5, noNaN: true });

test('[SHARE-1] while both wait, each gets half of the CPU, whatever a piece of its work takes', () => {
  fc.assert(
    fc.property(pieces, pieces, (handshakeMs, setUpMs) => {
      const { handshake, setUp } = served(0.5, handshakeMs, setUpMs, 5_000);
      assert(Math.abs(handshake - setUp) <= 2 * Math.max(handshakeMs, setUpMs));
    }),
  );
});

test('[SHARE-2] another share is kept as well; a share of one serves handshakes first', () => {
  const { handshake, setUp } = served(0.8, 0.2, 0.1, 10_000);
  assert(Math.abs(handshake / (handshake + setUp) - 0.8) < 0.01);
  assert.equal(served(1, 0.2, 0.1, 100).setUp, 0);
});

test('[SHARE-3] what one leaves unused goes to the other, and is not owed afterwards', () => {
  const share = evenShare(0.5);
  for (let i = 0; i < 1_000; i++) {
    assert.equal(nextStage(share, false, true), 'setUp');
    charged(share, 'setUp', 1, false);
  }
  let handshakes = 0;
  for (let i = 0; i < 100; i++) {
    const stage = nextStage(share, true, true)!;
    charged(share, stage, 1, true);
    if (stage === 'handshake') handshakes += 1;
  }
  assert.equal(handshakes, 50);
  assert.equal(nextStage(share, true, false), 'handshake');
  assert.equal(nextStage(share, false, false), undefined);
});

test('[SHARE-4] one long piece of work is made good, but no more than 50 ms of it', () => {
  const share = evenShare(0.5);
  charged(share, 'handshake', 10_000, true);
  let setUps = 0;
  while (nextStage(share, true, true) === 'setUp') {
    charged(share, 'setUp', 1, true);
    setUps += 1;
  }
  assert.equal(setUps, 100);
});
