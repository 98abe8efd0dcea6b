/**
 * Outgoing: what one turn publishes, as the bytes that go over the wire in one piece.
 *
 *     PUB <subject> [reply] <bytes>⏎<data>⏎        HPUB <subject> [reply] <bytes of the head> <bytes>⏎<head><data>⏎
 *
 * The client library makes five pieces of each message, checks its subjects again and copies the pieces together; here
 * a message is one text and its data.
 *
 * Pure.
 *
 * @see the NATS documentation, "Client Protocol".
 */

/** One message on its way out. */
export class Outgoing {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply: string | undefined;
  /** Headers with their first and their empty last line. */
  readonly head: string | undefined;

  constructor(subject: string, data: Uint8Array, reply: string | undefined, head: string | undefined) {
    this.subject = subject;
    this.data = data;
    this.reply = reply;
    this.head = head;
  }
}

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

export function encodedOutgoing(messages: readonly Outgoing[]): Uint8Array {
  const before: string[] = [];
  let bytes = 0;
  for (const message of messages) {
    const text = textBefore(message);
    before.push(text);
    bytes += Buffer.byteLength(text) + message.data.length + 2;
  }
  const all = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let n = 0; n < messages.length; n++) {
    const { data } = messages[n]!;
    at += all.write(before[n]!, at);
    all.set(data, at);
    at += data.length;
    all[at++] = CARRIAGE_RETURN;
    all[at++] = LINE_FEED;
  }
  return all;
}

function textBefore({ subject, data, reply, head }: Outgoing): string {
  const to = reply === undefined ? subject : `${subject} ${reply}`;
  if (head === undefined) return `PUB ${to} ${data.length}\r\n`;
  const headBytes = Buffer.byteLength(head);
  return `HPUB ${to} ${headBytes} ${headBytes + data.length}\r\n${head}`;
}
