/**
 * Crowd: many clients of one kind, opened so many at a time.
 */

import { createHmacIssuer } from '#test/harness/tokens.ts';
import { CONNECT_PATH, SUBPROTOCOL } from '#wire/messages.ts';
import type { Speech } from '../peers/speech.ts';
import { speeches } from '../peers/speeches.ts';
import { type Address, type Heard, type Line, maskedText, openLine } from './line.ts';
import { type Greeting, nameOf, type OpenOrder } from './orders.ts';

export interface Crowd {
  readonly from: number;
  readonly lines: Line[];
  /** The resume tokens of native sessions. */
  readonly resumes: string[];
}

const OPENING_MS_MAX = 30_000;
/** About as long as a `hello` with a resume token, and its welcome. */
const ECHO_CHARS = 500;
const WELCOME = '{"type":"welcome"';
const WAIT = '{"type":"wait"';

export async function openCrowd(
  { greeting, addresses, from, count, atOnce }: OpenOrder,
  crowds: ReadonlyMap<string, Crowd>,
): Promise<Crowd> {
  const crowd: Crowd = { from, lines: [], resumes: [] };
  const helloOf = hellos(greeting, from, crowds);
  const echo = greeting.kind === 'yardstick' && greeting.echo === true;
  let next = 0;
  async function openInTurn(): Promise<void> {
    while (next < count) {
      const index = next++;
      const address = addresses[index % addresses.length]!;
      const name = nameOf(from + index);
      if (greeting.kind === 'peer')
        crowd.lines[index] = await openedPeer(speeches[greeting.speech], address, index, name);
      else
        crowd.lines[index] =
          helloOf === undefined
            ? await openedBare(address, index, name, echo)
            : await openedSession(address, index, helloOf(index), crowd.resumes);
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, openInTurn));
  return crowd;
}

/** What each client says first; `undefined`: nothing. */
function hellos(
  greeting: Greeting,
  from: number,
  crowds: ReadonlyMap<string, Crowd>,
): ((index: number) => Buffer) | undefined {
  switch (greeting.kind) {
    case 'yardstick':
    case 'peer':
      return undefined;
    case 'native': {
      const issuer = createHmacIssuer(greeting.secret);
      const rights = { users: { send: ['*'] } };
      return (index) => hello({ token: issuer.token(nameOf(from + index), { rights }) });
    }
    case 'tokens':
      return (index) => hello({ token: greeting.tokens[index] });
    case 'resume': {
      const resumes = crowds.get(greeting.crowd)?.resumes ?? [];
      return (index) => hello({ resume: resumes[index] });
    }
  }
}

function hello(credential: { readonly token?: string | undefined; readonly resume?: string | undefined }) {
  return maskedText(JSON.stringify({ type: 'hello', device: 'd', ...credential }));
}

const unheard: Heard = () => undefined;

function openedLine(address: Address, index: number): Promise<Line> {
  return new Promise((resolve, reject) => {
    openLine(address, index, unheard, (line) => (line instanceof Error ? reject(line) : resolve(line)));
  });
}

async function openedBare(address: Address, index: number, name: string, echo: boolean): Promise<Line> {
  const line = await openedLine({ ...address, path: `/${name}` }, index);
  if (!echo) return line;
  await new Promise<void>((resolve) => {
    line.heard = () => resolve();
    line.socket.write(maskedText(`${name}${'x'.repeat(ECHO_CHARS)}`));
  });
  line.heard = unheard;
  return line;
}

/** Resolves when the session is attached. */
async function openedSession(
  address: Address,
  index: number,
  first: Buffer,
  resumes: string[],
): Promise<Line> {
  const line = await openedLine({ ...address, path: CONNECT_PATH, subprotocol: SUBPROTOCOL }, index);
  await answered(line, first, (text, resolve, reject) => {
    if (text.startsWith(WAIT)) return;
    if (!text.startsWith(WELCOME)) return reject(new Error(`instead of a welcome came ${text}`));
    resumes[index] = (JSON.parse(text) as { resume: string }).resume;
    resolve();
  });
  return line;
}

/** Resolves when the peer's server has let the client in. */
async function openedPeer(speech: Speech, address: Address, index: number, name: string): Promise<Line> {
  const line = await openedLine({ ...address, path: speech.path(name) }, index);
  await answered(line, maskedText(speech.greeting(name)), (text, resolve) => {
    if (speech.isWelcome(text)) resolve();
  });
  return line;
}

type Judge = (text: string, resolve: () => void, reject: (error: Error) => void) => void;

async function answered(line: Line, first: Buffer, judge: Judge): Promise<void> {
  let late: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    late = setTimeout(() => reject(new Error('no welcome in time')), OPENING_MS_MAX);
    line.lost = () => reject(new Error('the connection was lost before the welcome'));
    line.heard = (_, bytes, start, end) => {
      judge(bytes.toString('utf8', start, end), resolve, reject);
    };
    line.socket.write(first);
  }).finally(() => clearTimeout(late));
  line.heard = unheard;
  line.lost = () => undefined;
}

/** Cuts every line at once, without a word and without a rest of state in the kernel. */
export async function closeCrowd(crowd: Crowd): Promise<void> {
  await Promise.all(
    crowd.lines.map(
      (line) =>
        new Promise<void>((resolve) => {
          line.lost = () => resolve();
          line.socket.resetAndDestroy();
        }),
    ),
  );
}
