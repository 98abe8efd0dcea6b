import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createIntake, type LeanMessage } from './intake.ts';
import { encodedOutgoing, Outgoing } from './outgoing.ts';

interface Sent {
  readonly line: string | undefined;
  readonly sid: number;
  readonly subject: string;
  readonly reply: string | undefined;
  readonly head: string | undefined;
  readonly data: string;
}

/** Subscriptions up to this one are lean. */
const LEAN_MAX = 3;

function bytesOf({ line, sid, subject, reply, head, data }: Sent): Buffer {
  if (line !== undefined) return Buffer.from(line);
  const to = [subject, sid, ...(reply === undefined ? [] : [reply])].join(' ');
  if (head === undefined) return Buffer.from(`MSG ${to} ${Buffer.byteLength(data)}\r\n${data}\r\n`);
  const total = head.length + Buffer.byteLength(data);
  return Buffer.from(`HMSG ${to} ${head.length} ${total}\r\n${head}${data}\r\n`);
}

function isLean({ line, sid, head, data }: Sent): boolean {
  return line === undefined && sid <= LEAN_MAX && (head === undefined || data !== '');
}

/** What a lean subscription hears, or what the library is given. */
function toldOf(sent: Sent): string {
  if (!isLean(sent)) return `library ${bytesOf(sent).toString()}`;
  return `${sent.sid} ${sent.subject} ${sent.reply} ${sent.data}`;
}

function stage() {
  const told: string[] = [];
  const library = { state: 0, parse: (bytes: Uint8Array) => void told.push(`library ${Buffer.from(bytes)}`) };
  const lean = new Map(
    Array.from({ length: LEAN_MAX + 1 }, (_, sid) => [
      sid,
      ({ subject, reply, data }: LeanMessage) =>
        void told.push(`${sid} ${subject} ${reply} ${Buffer.from(data)}`),
    ]),
  );
  return { told, library, intake: createIntake(library, lean) };
}

const token = fc.stringMatching(/^[a-zA-Z0-9_.$=-]{1,30}$/);
const sent: fc.Arbitrary<Sent> = fc.record({
  line: fc.option(fc.constantFrom('PING\r\n', '+OK\r\n', 'INFO {"x":1}\r\n', "-ERR 'no'\r\n"), {
    nil: undefined,
    freq: 6,
  }),
  sid: fc.nat(9),
  subject: token,
  reply: fc.option(token, { nil: undefined }),
  head: fc.option(fc.constantFrom('NATS/1.0\r\n\r\n', 'NATS/1.0 100 Idle\r\nA: b\r\n\r\n'), {
    nil: undefined,
  }),
  data: fc.string({ maxLength: 60 }),
});

describe('intake', () => {
  test('in whatever pieces it comes, everything is told once, whole and in its place', () => {
    fc.assert(
      fc.property(
        fc.array(sent, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 90 })),
        (all, pieces) => {
          const { told, intake } = stage();
          const bytes = Buffer.concat(all.map(bytesOf));
          let at = 0;
          for (const piece of [...pieces, bytes.length]) {
            const read = bytes.subarray(at, at + piece);
            at += read.length;
            if (read.length > 0) intake.parse(read);
          }
          assert.deepEqual(told, all.map(toldOf));
        },
      ),
    );
  });

  test('a message in its midst is the library’s to finish, and so is one that is too long to wait for', () => {
    const { told, library, intake } = stage();
    library.state = 15;
    intake.parse(Buffer.from('of a message\r\nMSG a 1 1\r\nx\r\n'));
    assert.equal(told.length, 1);
    library.state = 0;
    const long = Buffer.from(`MSG a 1 100000\r\n${'x'.repeat(80_000)}`);
    intake.parse(long);
    assert.equal(told[1], `library ${long}`);
  });

  test('what looks odd is the library’s to judge', () => {
    for (const odd of ['MSG a 1\r\n', 'MSG a x 1\r\ny\r\n', 'MSG  a 1 1\r\ny\r\n', 'HMSG a 1 9 1\r\ny\r\n']) {
      const { told, intake } = stage();
      intake.parse(Buffer.from(odd));
      assert.deepEqual(told, [`library ${odd}`]);
    }
  });

  test('what had begun to come is void on another connection', () => {
    const { told, library, intake } = stage();
    intake.parse(Buffer.from('MSG a 1 5\r\nx'));
    intake.goOnWith(library);
    intake.parse(Buffer.from('MSG b 1 1\r\nz\r\n'));
    assert.deepEqual(told, ['1 b undefined z']);
  });
});

describe('outgoing', () => {
  test('messages lie one behind the other, each with the lengths of its parts', () => {
    const messages = [
      new Outgoing('a.b', Buffer.from('ä'), undefined, undefined),
      new Outgoing('a', Buffer.alloc(0), 'inbox.1', undefined),
      new Outgoing('c', Buffer.from('xyz'), 'inbox.2', 'NATS/1.0\r\nA:ü\r\n\r\n'),
    ];
    assert.equal(
      Buffer.from(encodedOutgoing(messages)).toString(),
      'PUB a.b 2\r\nä\r\nPUB a inbox.1 0\r\n\r\nHPUB c inbox.2 18 21\r\nNATS/1.0\r\nA:ü\r\n\r\nxyz\r\n',
    );
  });
});
