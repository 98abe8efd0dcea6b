/** Contract of `Post`: requests and messages between nodes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusUnavailable } from '#bus/seams.ts';
import { type OpenBus, settled, until } from './bus-under-test.ts';

export function postContract(name: string, open: OpenBus): void {
  function contract(what: string, run: (opened: Awaited<ReturnType<OpenBus>>) => Promise<void>) {
    test(`${name}: ${what}`, async () => {
      const opened = await open();
      try {
        await run(opened);
      } finally {
        await opened.close();
      }
    });
  }

  contract('messages come in the order they were sent, to everyone who listens', async (opened) => {
    const other = await opened.another();
    const direct: string[] = [];
    const wide: string[] = [];
    opened.bus.post.subscribe('gw.one', (data) => direct.push(text(data)));
    opened.bus.post.subscribe('now.3.>', (data, subject) => wide.push(`${subject}=${text(data)}`));
    await ready(opened, other);
    for (let n = 0; n < 500; n++) {
      assert(other.post.publish('gw.one', bytes(`${n}`)));
      if (n % 100 === 0) other.post.publish(`now.3.u_${n}`, bytes(`${n}`));
      other.post.publish('gw.two', bytes('not for us'));
    }
    await until(opened, () => direct.length === 500 && wide.length === 5, 'all have come');
    assert.deepEqual(
      direct,
      Array.from({ length: 500 }, (_, n) => `${n}`),
    );
    assert.equal(wide[2], 'now.3.u_200=200');
  });

  contract('nobody is entered while it still calls', async (opened) => {
    let inside = false;
    let came = 0;
    opened.bus.post.subscribe('loop', () => {
      assert(!inside);
      came++;
    });
    inside = true;
    opened.bus.post.publish('loop', bytes('x'));
    inside = false;
    await until(opened, () => came === 1, 'it has come');
  });

  contract('after cancel nothing comes', async (opened) => {
    let came = 0;
    const cancel = opened.bus.post.subscribe('gw.one', () => came++);
    opened.bus.post.publish('gw.one', bytes('a'));
    await until(opened, () => came === 1, 'the first has come');
    cancel();
    opened.bus.post.publish('gw.one', bytes('b'));
    await opened.pass(100);
    assert.equal(came, 1);
  });

  contract('requests are answered, in the order they were sent', async (opened) => {
    const other = await opened.another();
    const asked: string[] = [];
    other.post.answer('rt.one.attach', (data) => {
      asked.push(text(data));
      return bytes(`answer ${text(data)}`);
    });
    await ready(opened, other);
    const answers: string[] = [];
    const requests = Array.from({ length: 100 }, (_, n) =>
      opened.bus.post.request('rt.one.attach', bytes(`${n}`), 2_000).then((data) => answers.push(text(data))),
    );
    await settled(opened, Promise.all(requests));
    assert.deepEqual(
      asked,
      Array.from({ length: 100 }, (_, n) => `${n}`),
    );
    assert.deepEqual(
      answers,
      asked.map((n) => `answer ${n}`),
    );
  });

  contract('what is sent after an answer is seen after it', async (opened) => {
    const other = await opened.another();
    const seen: string[] = [];
    opened.bus.post.subscribe('gw.one', (data) => seen.push(text(data)));
    await ready(opened, other);
    other.post.answer('rt.one.attach', (data) => {
      // The answer leaves when the handler has returned; these follow in a later turn, in one batch with others.
      setImmediate(() => {
        for (let n = 0; n < 3; n++) other.post.publish('gw.one', bytes(`after ${text(data)}`));
      });
      other.post.publish('gw.one', bytes(`before ${text(data)}`));
      return bytes('answer');
    });
    await ready(opened, other);
    await settled(opened, Promise.all(['1', '2', '3'].map(ask)));
    await until(opened, () => seen.length === 15, 'all have come');
    for (const n of ['1', '2', '3']) {
      const order = seen.filter((what) => what.endsWith(n)).map((what) => what.split(' ')[0]);
      assert.deepEqual(order, ['before', 'answer', 'after', 'after', 'after']);
    }

    /** Sees the answer as late as a caller does that awaits through some functions. */
    async function ask(n: string): Promise<void> {
      const pass = async () => opened.bus.post.request('rt.one.attach', bytes(n), 2_000);
      await (async () => pass())();
      await Promise.resolve();
      seen.push(`answer ${n}`);
    }
  });

  contract('a request that nobody listens to is refused at once', async (opened) => {
    const request = opened.bus.post.request('rt.nobody.beat', bytes('x'), 60_000);
    await assert.rejects(settled(opened, request), BusUnavailable);
  });

  contract('a request that is not answered in time is refused', async (opened) => {
    opened.bus.post.answer('rt.silent.beat', () => undefined);
    await ready(opened, opened.bus);
    await assert.rejects(
      settled(opened, opened.bus.post.request('rt.silent.beat', bytes('x'), 300)),
      BusUnavailable,
    );
  });

  contract('bytes come through untouched, up to the largest message', async (opened) => {
    const { post } = opened.bus;
    const large = Buffer.alloc(post.payloadBytesMax);
    for (let n = 0; n < large.length; n++) large[n] = n * 31;
    let came: Uint8Array | undefined;
    post.subscribe('gw.large', (data) => {
      came = data;
    });
    post.publish('gw.large', large);
    await until(opened, () => came !== undefined, 'it has come');
    assert(large.equals(came!));
  });

  contract('whoever is connected says so', async (opened) => {
    assert.equal(opened.bus.post.connected, true);
    assert(opened.bus.post.payloadBytesMax >= 65_536);
  });

  let probes = 0;

  /** Until subscriptions made so far are known to the bus. */
  async function ready(opened: Awaited<ReturnType<OpenBus>>, other: typeof opened.bus): Promise<void> {
    for (const bus of new Set([opened.bus, other])) {
      const subject = `probe.${++probes}`;
      bus.post.answer(subject, () => bytes('here'));
      for (const asking of new Set([opened.bus, other])) {
        let answered = false;
        while (!answered) {
          const request = asking.post.request(subject, bytes('?'), 1_000);
          answered = await settled(
            opened,
            request.then(
              () => true,
              () => false,
            ),
          );
        }
      }
    }
  }
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

function text(data: Uint8Array): string {
  return Buffer.from(data).toString();
}
