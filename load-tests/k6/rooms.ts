/**
 * Rooms: everybody in a room hears what one of them says, wherever they are connected.
 *
 *     VUS 2, ROOMS 4 (a virtual user), MEMBERS 20, FRAMES_PER_S 5 (a room), DURATION_S 30
 */

import exec from 'k6/execution';
import { setTimeout } from 'k6/timers';
import { identity } from './identity.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { countFromNothing, promises } from './metrics.ts';
import { closeAll, type LoadSession, openSession } from './session.ts';
import { amount, durationMs, onceForEach } from './settings.ts';

export { handleSummary } from './summary.ts';

const rooms = amount('ROOMS', 4);
const members = amount('MEMBERS', 20);
const everyMs = 1_000 / amount('FRAMES_PER_S', 5);
const settleMs = amount('SETTLE_S', 60) * 1_000;
/** Everybody has joined by then. */
const JOINED_MS = 5_000;

export const options = {
  scenarios: { rooms: onceForEach(JOINED_MS + settleMs + 60_000) },
  thresholds: {
    ...promises,
    snowshed_frames_delivered: ['count>0'],
    snowshed_frames_refused: ['count==0'],
    snowshed_delivery_ms: [`p(95)<${amount('DELIVERY_P95_MS', 1_000)}`],
  },
};

export default function roomsOfOneUser(): void {
  countFromNothing();
  const ledger = createLedger();
  const vu = exec.vu.idInTest;
  const all = Array.from({ length: rooms }, (_, n) =>
    openRoom(ledger, `load-room-${vu}-${n}`, (vu - 1) * rooms + n),
  );
  setTimeout(() => {
    for (const room of all) room.rest();
    setTimeout(() => ledger.settle(settleMs, () => closeAll(all)), 1_000);
  }, JOINED_MS + durationMs);
}

function openRoom(ledger: Ledger, room: string, index: number): { rest(): void; close(): void } {
  const keys = new Map<string, string>();
  let said = 0;
  let resting = false;
  const everybody: LoadSession[] = Array.from({ length: members }, (_, n) => {
    const user = `${room}-${n}`;
    return openSession(identity(user, index * members + n), {
      welcomed: (before) => {
        if (before === 0) everybody[n]!.join(room);
      },
      frame: ({ body }) => ledger.received((body as { key: string }).key, user),
      acked: (id) => ledger.acked(keys.get(id) ?? ''),
    });
  });

  function say(): void {
    if (resting) return;
    const key = `${room}-${said++}`;
    ledger.sent(key, members - 1);
    keys.set(everybody[0]!.send({ room }, 'say', { key }), key);
    setTimeout(say, everyMs);
  }

  setTimeout(say, JOINED_MS);
  return {
    rest: () => {
      resting = true;
    },
    close: () => closeAll(everybody),
  };
}
