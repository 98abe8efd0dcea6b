/**
 * Pairs: calls between two people on any two gateways: offer, answer, candidates both ways, hang-up, again and again.
 *
 *     VUS 2, PAIRS 25 (a virtual user), CALL_EVERY_S 5, DURATION_S 30
 *
 * Every frame is one of a call; each is checked: acknowledged frames reach the other side, once.
 */

import exec from 'k6/execution';
import { setTimeout } from 'k6/timers';
import { identity } from './identity.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { countFromNothing, promises } from './metrics.ts';
import { closeAll, type LoadSession, openSession } from './session.ts';
import { amount, durationMs, onceForEach } from './settings.ts';

export { handleSummary } from './summary.ts';

const pairs = amount('PAIRS', 25);
const callEveryMs = amount('CALL_EVERY_S', 5) * 1_000;
const settleMs = amount('SETTLE_S', 60) * 1_000;
const CANDIDATES = 3;
const sdp = 'v=0 a=candidate '.repeat(60);

export const options = {
  scenarios: { pairs: onceForEach(settleMs + 60_000) },
  thresholds: {
    ...promises,
    snowshed_frames_delivered: ['count>0'],
    snowshed_frames_refused: ['count==0'],
    snowshed_away_ms: [`max<${amount('AWAY_MAX_MS', 60_000)}`],
    snowshed_delivery_ms: [`p(95)<${amount('DELIVERY_P95_MS', 1_000)}`],
  },
};

interface Call {
  readonly kind: 'offer' | 'answer' | 'candidate' | 'hangup';
  readonly key: string;
  readonly n: number;
}

export default function pairsOfOneUser(): void {
  countFromNothing();
  const ledger = createLedger();
  const vu = exec.vu.idInTest;
  const all = Array.from({ length: pairs }, (_, pair) =>
    openPair(ledger, `${vu}-${pair}`, (vu - 1) * pairs + pair),
  );
  setTimeout(() => {
    for (const pair of all) pair.rest();
    setTimeout(() => ledger.settle(settleMs, () => closeAll(all)), 1_000);
  }, durationMs);
}

function openPair(ledger: Ledger, name: string, index: number): { rest(): void; close(): void } {
  const keys = new Map<string, string>();
  let calls = 0;
  let resting = false;

  const caller = person(`load-a-${name}`, 2 * index, (frame) => {
    if (frame.kind === 'answer') {
      for (let n = 0; n < CANDIDATES; n++)
        tell(caller, callee, { kind: 'candidate', key: `${frame.key}-a${n}`, n });
    }
    if (frame.kind === 'candidate' && frame.n === CANDIDATES - 1) {
      tell(caller, callee, { kind: 'hangup', key: `${frame.key}-h`, n: 0 });
    }
  });
  const callee = person(`load-b-${name}`, 2 * index + 1, (frame) => {
    if (frame.kind !== 'offer') return;
    tell(callee, caller, { kind: 'answer', key: `${frame.key}-r`, n: 0 });
    for (let n = 0; n < CANDIDATES; n++)
      tell(callee, caller, { kind: 'candidate', key: `${frame.key}-b${n}`, n });
  });

  function person(user: string, place: number, heard: (frame: Call) => void): LoadSession {
    const session = openSession(identity(user, place), {
      frame({ body }) {
        const frame = body as Call;
        ledger.received(frame.key, user);
        heard(frame);
      },
      acked: (id) => ledger.acked(keys.get(`${user} ${id}`) ?? ''),
    });
    return session;
  }

  function tell(from: LoadSession, to: LoadSession, frame: Call): void {
    ledger.sent(frame.key, 1);
    const body = { ...frame, ...(frame.kind === 'candidate' ? {} : { sdp }) };
    keys.set(`${from.user} ${from.send({ user: to.user }, frame.kind, body)}`, frame.key);
  }

  function call(): void {
    if (resting) return;
    tell(caller, callee, { kind: 'offer', key: `${name}-${calls++}`, n: 0 });
    setTimeout(call, callEveryMs);
  }

  setTimeout(call, 1_000 + Math.random() * callEveryMs);
  return {
    rest: () => {
      resting = true;
    },
    close: () => {
      caller.close();
      callee.close();
    },
  };
}
