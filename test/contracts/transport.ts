/**
 * Transport contract: what the hub may rely on, however its clients are connected.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { FaultCode } from '#wire/faults.ts';
import { startWeb } from './web-under-test.ts';

/** A client of one kind of connection, for one flow. */
export interface TransportClient {
  /** Sends a JSON text; the first opens the flow, if connecting has not. */
  say(text: string): void;
  /** The next message it is told. */
  hear(): Promise<string>;
  /** How the flow ended for the client: a fault where it is told one. */
  readonly ended: Promise<string>;
  /** Goes away without a word. */
  vanish(): void;
}

export interface TransportKind {
  readonly name: string;
  connect(port: number): TransportClient;
  /** What a refused client is told: an HTTP status. */
  refusedStatus(port: number): Promise<number>;
  /** The fault that the hub is told when a client vanishes. */
  readonly vanished: FaultCode | undefined;
}

const hello = '{"type":"hello","token":"t"}';
const welcome = '{"type":"welcome"}';

export function transportContract(kind: TransportKind): void {
  const it = (title: string) => `${kind.name}: ${title}`;

  test(
    it('a flow is opened once, with a number of its own and what is known of the connection'),
    async (t) => {
      const { hub, port } = await startWeb(t);
      for (const number of [1, 2]) {
        kind.connect(port).say(hello);
        const { flow, dialect } = await hub.until('opened', number);
        assert.equal(flow.number, number);
        assert.equal(dialect, 'native');
        assert.equal(flow.opening.address, '127.0.0.1');
        assert.equal(flow.opening.secure, false);
      }
      await hub.until('received', 2);
      assert.equal(hub.of('opened').length, 2);
    },
  );

  test(it('messages pass both ways, whole and in order'), async (t) => {
    const { hub, port } = await startWeb(t);
    hub.reaction = (flow, text) => flow.send(text === hello ? welcome : text);
    const client = kind.connect(port);
    client.say(hello);
    assert.equal(await client.hear(), welcome);
    const texts = Array.from({ length: 20 }, (_, n) => JSON.stringify({ n, text: 'ü€😀'.repeat(n) }));
    for (const text of texts) client.say(text);
    for (const text of texts) assert.equal(await client.hear(), text);
    assert.deepEqual(
      hub.of('received').map(({ text, binary }) => [text, binary]),
      [hello, ...texts].map((text) => [text, false]),
    );
  });

  test(it('close lets the last words through, and is reported once, not from within the call'), async (t) => {
    const { hub, port } = await startWeb(t);
    const client = kind.connect(port);
    client.say(hello);
    const { flow } = await hub.until('opened');
    await hub.until('received');
    flow.send(welcome);
    flow.send('{"type":"bye"}');
    flow.close('GOING_AWAY');
    assert.equal(hub.of('closed').length, 0);
    flow.send('{"type":"late"}');
    flow.close('REPLACED');
    const closed = await hub.until('closed');
    assert.deepEqual(closed, { kind: 'closed', flow, fault: 'GOING_AWAY' });
    assert.deepEqual([await client.hear(), await client.hear()], [welcome, '{"type":"bye"}']);
    assert.equal(await client.ended, 'GOING_AWAY');
    flow.send('{"type":"late"}');
    assert.equal(hub.of('closed').length, 1);
  });

  test(it('a flow may be closed from within a message'), async (t) => {
    const { hub, port } = await startWeb(t);
    hub.reaction = (flow) => flow.close('TOKEN_EXPIRED');
    const client = kind.connect(port);
    client.say(hello);
    assert.equal(await client.ended, 'TOKEN_EXPIRED');
    assert.equal((await hub.until('closed')).fault, 'TOKEN_EXPIRED');
  });

  test(it('a client that vanishes is reported, and may be sent to until then'), async (t) => {
    const { hub, port } = await startWeb(t, { pollLingerMs: 50 });
    const client = kind.connect(port);
    client.say(hello);
    const { flow } = await hub.until('received');
    client.vanish();
    flow.send(welcome);
    assert.equal((await hub.until('closed')).fault, kind.vanished);
    flow.send(welcome);
    flow.close('SILENT');
    assert.equal(flow.unsentBytes(), 0);
  });

  test(it('whom the hub does not admit is refused by HTTP'), async (t) => {
    const { hub, port, refused } = await startWeb(t);
    hub.refusal = 'BUSY';
    assert.equal(await kind.refusedStatus(port), 503);
    hub.refusal = 'TOO_MANY_FLOWS';
    assert.equal(await kind.refusedStatus(port), 429);
    assert.equal(hub.told.length, 0);
    assert.deepEqual(refused, [], 'the hub counts these itself');
  });

  test(it('when listening stops, flows live on, and it may begin again'), async (t) => {
    const { hub, port, transport } = await startWeb(t);
    const client = kind.connect(port);
    client.say(hello);
    const { flow } = await hub.until('received');
    transport.stopListening();
    await assert.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
    flow.send(welcome);
    assert.equal(await client.hear(), welcome);
    assert.equal((await transport.listen()).main, port);
    kind.connect(port).say(hello);
    await hub.until('opened', 2);
  });
}
