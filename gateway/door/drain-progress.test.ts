import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DoorLook, type DrainProgress, looked, noDrain } from './drain-progress.ts';

const calm: DoorLook = { listens: true, workMs: 0, setUps: 0, setUpsPerSecond: 1_000 };

function after(looks: readonly Partial<DoorLook>[]): DrainProgress {
  return looks.reduce<DrainProgress>(
    (progress, look, i) => looked(progress, { ...calm, ...look }, 1_000 * (i + 1)),
    noDrain(0),
  );
}

test('[PROGRESS-1] what is set up while no drain is under way counts for none', () => {
  const { beganAtMs, admitted, allowed } = after([{ setUps: 50 }, { setUps: 900, workMs: 400 }]);
  assert.deepEqual([beganAtMs, admitted, allowed], [undefined, 0, 0]);
});

test('[PROGRESS-2] of a drain, what was admitted and what the machine would have allowed, until it ends', () => {
  const looks = [
    { setUps: 100, workMs: 4_000 },
    { setUps: 1_000, workMs: 4_500, listens: false },
    { setUps: 1_900, workMs: 3_000 },
    { setUps: 2_300, workMs: 10 },
    { setUps: 2_400, workMs: 10 },
  ];
  const under = after(looks.slice(0, 3));
  assert.deepEqual([under.beganAtMs, under.admitted, under.allowed], [1_000, 1_800, 2_000]);
  for (const upTo of [4, 5]) {
    const { beganAtMs, admitted, allowed } = after(looks.slice(0, upTo));
    assert.deepEqual([beganAtMs, admitted, allowed], [undefined, 2_200, 2_400]);
  }
  const again = after([...looks, { setUps: 2_500, workMs: 600 }]);
  assert.deepEqual([again.beganAtMs, again.admitted, again.allowed], [6_000, 0, 0]);
});

test('[PROGRESS-3] whatever happens, no drain admits more than was set up, and who admits all that is allowed has 1', () => {
  const look = fc.record({
    listens: fc.boolean(),
    workMs: fc.nat(5_000),
    more: fc.nat(2_000),
    setUpsPerSecond: fc.nat(5_000),
  });
  fc.assert(
    fc.property(fc.array(look), fc.boolean(), (looks, full) => {
      let [progress, setUps] = [noDrain(0), 0];
      looks.forEach(({ more, ...one }, i) => {
        setUps += full ? one.setUpsPerSecond : more;
        progress = looked(progress, { ...one, setUps }, 1_000 * (i + 1));
        assert(progress.admitted <= setUps && progress.admitted >= 0 && progress.allowed >= 0);
        if (full) assert(Math.abs(progress.admitted - progress.allowed) < 1e-6 * (1 + progress.allowed));
      });
    }),
  );
});
