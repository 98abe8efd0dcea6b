/** The transport contract, for WebSocket and for long poll. */

import { get } from 'node:http';
import { type PollAnswer, SUBPROTOCOL } from '#wire/messages.ts';
import { type TransportClient, transportContract } from './transport.ts';

transportContract({
  name: 'WebSocket',
  connect: webSocketClient,
  refusedStatus(port) {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Protocol': SUBPROTOCOL,
    };
    return new Promise((resolve, reject) => {
      get(`http://127.0.0.1:${port}/v1/connect`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on('error', reject);
    });
  },
  vanished: undefined,
});

transportContract({
  name: 'long poll',
  connect: pollClient,
  async refusedStatus(port) {
    const response = await post(port, { messages: [{ type: 'hello', token: 't' }] });
    return response.status;
  },
  vanished: 'SILENT',
});

/** What has been heard, for whoever waits for the next. */
function createEar() {
  const heard: string[] = [];
  let wake = () => {};
  return {
    hears(text: string) {
      heard.push(text);
      wake();
    },
    async next(): Promise<string> {
      while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return heard.shift()!;
    },
  };
}

function webSocketClient(port: number): TransportClient {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/connect`, [SUBPROTOCOL]);
  const ear = createEar();
  const open = new Promise<void>((resolve) => socket.addEventListener('open', () => resolve()));
  socket.addEventListener('message', ({ data }) => ear.hears(data));
  return {
    say: (text) => void open.then(() => socket.send(text)),
    hear: ear.next,
    ended: new Promise((resolve) => socket.addEventListener('close', ({ reason }) => resolve(reason))),
    vanish: () => socket.close(),
  };
}

/** One poll stands, and what is said meanwhile goes in another; answers are taken in the order of the polls. */
function pollClient(port: number): TransportClient {
  const ear = createEar();
  const stop = new AbortController();
  let unsent: unknown[] = [];
  let place: { flow?: string; turn?: number } = {};
  let underWay = 0;
  let taken = Promise.resolve();
  let end: (fault: string) => void = () => {};
  const ended = new Promise<string>((resolve) => (end = resolve));

  function poll(): void {
    if (stop.signal.aborted || (underWay > 0 && (unsent.length === 0 || place.flow === undefined))) return;
    underWay += 1;
    const answer = post(port, { ...place, messages: unsent }, stop.signal).then((response) =>
      response.json(),
    );
    unsent = [];
    taken = Promise.all([answer, taken]).then(([answer]) => take(answer as PollAnswer & { fault?: string }));
    taken.catch((error: Error) => end(error.name));
  }

  function take({ flow, turn, messages, fault }: PollAnswer & { fault?: string }): void {
    underWay -= 1;
    if (fault !== undefined) {
      stop.abort();
      return end(fault);
    }
    if (turn > (place.turn ?? 0)) for (const message of messages) ear.hears(JSON.stringify(message));
    place = { flow, turn };
    poll();
  }

  return {
    say(text) {
      unsent.push(JSON.parse(text));
      poll();
    },
    hear: ear.next,
    ended,
    vanish: () => stop.abort(),
  };
}

function post(port: number, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/v1/poll`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
}
