/**
 * Slow consumer: readers that stop to read cost their bound and no more; everybody else in the room does not notice.
 *
 *     READERS 20, SLOW 5, FRAME_BYTES 32000, FRAMES_PER_S 20, DURATION_S 30
 *
 * A slow reader is a virtual user of its own that sleeps after each message, so that its socket fills up. The gateway closes it
 * as SLOW_CONSUMER; the thresholds are those of the others.
 */

import { sleep } from 'k6';
import exec from 'k6/execution';
import { setTimeout } from 'k6/timers';
import ws from 'k6/ws';
import { identity } from './identity.ts';
import { createLedger } from './ledger.ts';
import { countFromNothing, lost, promises } from './metrics.ts';
import { closeAll, type LoadSession, openSession } from './session.ts';
import { amount, anyUrl, durationMs } from './settings.ts';

export { handleSummary } from './summary.ts';

const readers = amount('READERS', 20);
const slow = amount('SLOW', 5);
const everyMs = 1_000 / amount('FRAMES_PER_S', 20);
const filling = 'x'.repeat(amount('FRAME_BYTES', 32_000));
const room = 'load-slow';
const JOINED_MS = 3_000;
const SETTLE_MS = 30_000;
/** By then the slow have read what was sent, and have seen that they were cut off. */
const READ_MS = 15_000;
const maxDuration = `${Math.ceil((durationMs + JOINED_MS + SETTLE_MS) / 1_000) + 30}s`;
const once = { executor: 'per-vu-iterations', iterations: 1, maxDuration } as const;

export const options = {
  scenarios: {
    brisk: { ...once, vus: 1, exec: 'brisk' },
    slow: { ...once, vus: slow, exec: 'sluggish' },
  },
  thresholds: {
    ...promises,
    snowshed_frames_delivered: ['count>0'],
    snowshed_frames_refused: ['count==0'],
    'snowshed_flows_lost{scenario:brisk}': ['count==0'],
    'snowshed_flows_lost{scenario:slow}': [`count>=${slow}`],
    snowshed_delivery_ms: [`p(95)<${amount('DELIVERY_P95_MS', 1_000)}`],
  },
};

/** Those who read, and the one who talks. */
export function brisk(): void {
  countFromNothing();
  const ledger = createLedger();
  const keys = new Map<string, string>();
  let said = 0;
  let resting = false;
  const all: LoadSession[] = Array.from({ length: readers + 1 }, (_, n) => {
    const user = `load-brisk-${n}`;
    return openSession(identity(user, n), {
      welcomed: (before) => {
        if (before === 0) all[n]!.join(room);
      },
      frame: ({ body }) => ledger.received((body as { key: string }).key, user),
      acked: (id) => ledger.acked(keys.get(id) ?? ''),
    });
  });
  function say(): void {
    if (resting) return;
    const key = `slow-${said++}`;
    ledger.sent(key, readers);
    keys.set(all[0]!.send({ room }, 'say', { key, filling }), key);
    setTimeout(say, everyMs);
  }
  setTimeout(say, JOINED_MS);
  setTimeout(() => {
    resting = true;
    setTimeout(() => ledger.settle(SETTLE_MS, () => closeAll(all)), 1_000);
  }, JOINED_MS + durationMs);
}

/** Joins, and then takes a long time over each message. Of k6's two clients only `k6/ws` reads no further meanwhile. */
export function sluggish(): void {
  lost.add(0);
  const endMs = Date.now() + JOINED_MS + durationMs;
  const place = exec.vu.idInTest;
  const { token } = identity(`load-sluggish-${place}`, readers + place);
  const headers = { 'Sec-WebSocket-Protocol': 'snowshed.v1' };
  let ended = false;
  ws.connect(`${anyUrl()}/v1/connect`, { headers }, (socket) => {
    socket.on('open', () => socket.send(JSON.stringify({ type: 'hello', token, device: 'slow' })));
    socket.on('message', (text) => {
      const { type } = JSON.parse(text) as { type: string };
      if (type === 'welcome') socket.send(JSON.stringify({ type: 'join', id: 'j', room }));
      if (type === 'frame' && Date.now() < endMs) sleep(2);
    });
    socket.on('close', () => {
      if (!ended) lost.add(1);
    });
    socket.setTimeout(
      () => {
        ended = true;
        socket.close();
      },
      JOINED_MS + durationMs + READ_MS,
    );
  });
}
