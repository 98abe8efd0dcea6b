/** Faults page: the table of `wire/faults.ts`, for those who write clients. */

import { type FaultDefinition, faults, type Retry } from '#wire/faults.ts';
import { table } from './markdown.ts';

const intro = `# Faults

<!-- Made from wire/faults.ts by \`npm run docs\`. -->

Every mistake of a peer, and every refusal, has a code. It comes in \`nack {id, fault}\`, which answers one request and lets
the flow go on, or in \`bye {fault}\` just before the flow closes. A code is never renamed and never used for something else;
new ones may come, so a client treats a code that it does not know by what happened (a \`nack\`, or a close).

- **Close**: the WebSocket close code (RFC 6455 §7.4) where the fault closes the flow. Met before a session stood, any
  fault closes it, with this code or with 4400; but a \`hello\` that is \`INVALID\` may be said again within its time.
- **HTTP**: the status where the fault answers a request over HTTP: the handshake of a WebSocket, or a poll.
- **Again**: whether the same may be tried again.
`;

const again: Readonly<Record<Retry, string>> = {
  never: 'it would be refused again',
  now: 'at once, after mending what the text says',
  later: 'after `retryAfterMs`, or evenly within the spread that was told',
  'same-id': 'the outcome is not known: repeat the same id, which cannot be stored twice',
};

export function faultsPage(): string {
  const rows = Object.entries<FaultDefinition>(faults).map(([code, fault]) => [
    `\`${code}\``,
    fault.closeCode === undefined ? '' : `${fault.closeCode}`,
    `${fault.httpStatus}`,
    fault.retry,
    fault.text,
  ]);
  const legend = Object.entries(again).map(([retry, meaning]) => `  - *${retry}*: ${meaning}`);
  return `${intro}${legend.join('\n')}\n\n${table(['Code', 'Close', 'HTTP', 'Again', 'What it says'], rows)}\n`;
}
