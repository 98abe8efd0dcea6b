import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createHearing, forgiveSilence, type Hearing, heard, takeSilent } from './hearing.ts';

function beats(hearing: Hearing, gateway: string, pausesMs: readonly number[], fromMs = 0): number {
  return pausesMs.reduce((nowMs, pauseMs) => {
    heard(hearing, gateway, nowMs + pauseMs, true);
    return nowMs + pauseMs;
  }, fromMs);
}

/** After how many ms of silence a gateway is taken out, looked at each 50 ms. */
function silenceMs(hearing: Hearing, nowMs: number): number {
  for (let ms = 0; ms < 60_000; ms += 50) if (takeSilent(hearing, nowMs + ms).length > 0) return ms;
  return Number.POSITIVE_INFINITY;
}

describe('how long a gateway may be silent', () => {
  test('three seconds, where it beats each second', () => {
    const hearing = createHearing();
    assert.equal(silenceMs(hearing, beats(hearing, 'a', [1_000, 1_000, 1_000])), 3_000);
  });

  test('longer where its beats come late, so that it is not lost again and again; and never longer than eight', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 500, max: 20_000 }), { minLength: 2 }), (pausesMs) => {
        const hearing = createHearing();
        const nowMs = beats(hearing, 'a', pausesMs);
        const ms = silenceMs(hearing, nowMs);
        assert(ms >= 3_000 && ms <= 8_050, `${ms}`);
        // The last pause again, if it was slow and no standstill, is borne.
        const last = pausesMs.at(-1)!;
        assert(last > 4_000 || ms > last);
      }),
    );
  });

  test('a gateway that came back is known to be slow', () => {
    const hearing = createHearing();
    let nowMs = beats(hearing, 'a', [1_000, 1_000]);
    assert.deepEqual(takeSilent(hearing, nowMs + 3_100), ['a']);
    nowMs = beats(hearing, 'a', [3_500], nowMs);
    assert.deepEqual(takeSilent(hearing, nowMs + 3_600), []);
  });

  test('whoever could not be heard is given the whole time anew, and is not slow for it', () => {
    const hearing = createHearing();
    const nowMs = beats(hearing, 'a', [1_000, 1_000]) + 30_000;
    forgiveSilence(hearing, nowMs);
    heard(hearing, 'a', nowMs + 10, true);
    assert.equal(silenceMs(hearing, nowMs + 10), 3_000);
  });
});
