/** No append order: a session does not wait for one append before it begins the next, nor for what it owes. */

import { replaceText } from './replaced-text.ts';

replaceText('gateway/session/sends.ts', [
  [
    'const owed = firstOwed(queue, nowMs);',
    "queue.waiting.push(send);\n  if (nowMs > 0) return { kind: 'append' };\n  const owed = firstOwed(queue, nowMs);",
  ],
]);
replaceText('gateway/session/sending.ts', [
  ['const send = queue?.underWay;', 'const send = queue?.waiting.find((one) => one.id === id);'],
  ['  const next = settled(queue);\n', '  const next = undefined as PendingSend | undefined;\n'],
  [
    'switch (outcome.kind) {',
    "if (outcome.kind !== 'undecided' || at.logMs > send.notAfter || !at.busUp) queue.waiting.splice(queue.waiting.indexOf(send), 1);\n  switch (outcome.kind) {",
  ],
  [
    "if (at.busUp) return [appendEffect(channel, send, true)];\n      return returned(queue, 'UNDECIDED', at, policy);",
    "if (at.busUp) return [appendEffect(channel, send, true)];\n      return refusal(id, 'UNDECIDED', policy.retryAfterMs);",
  ],
]);
