import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerMessage } from '#wire/messages.ts';
import { Calls } from './calls.ts';
import type { Client } from './client.ts';
import { nameOf } from './orders.ts';

/** Two clients in a call, whose messages lie where the test takes them. */
function stagedCall() {
  const sent: { id: string; body: number; by: number }[] = [];
  let nowMs = 0;
  const clients = [0, 1].map((index) => {
    const send = (message: { id: string; body: number }) => void sent.push({ ...message, by: index });
    return { index, up: true, send, seen: () => {} } as unknown as Client;
  });
  const calls = new Calls(clients, 0, 10, () => nowMs);
  let position = 0;
  const turn = () => {
    nowMs += 20;
    calls.turn();
    return sent.splice(0);
  };
  const acknowledge = (one: { id: string; by: number }) =>
    calls.received(clients[one.by]!, { type: 'ack', id: one.id } as ServerMessage);
  const deliver = (one: { id: string; body: number; by: number }) => {
    const to = 1 - one.by;
    const from = { user: nameOf(one.by), device: 'd', session: 's' };
    const frame = {
      type: 'frame',
      channel: `u/${nameOf(to)}`,
      epoch: 'e',
      position: ++position,
      id: one.id,
      from,
    };
    calls.received(clients[to]!, { ...frame, kind: 'x', at: 0, body: one.body } as ServerMessage);
  };
  const later = (ms: number) => {
    nowMs += ms;
  };
  return { calls, clients, turn, acknowledge, deliver, later };
}

function wrong({ calls }: ReturnType<typeof stagedCall>) {
  const { lost, doubled, disordered } = calls.ledger();
  return { lost, doubled, disordered };
}

test('an acknowledged frame that came once is neither lost nor doubled, and both are in a call after the answer', () => {
  const stage = stagedCall();
  for (let i = 0; i < 4; i++) {
    for (const one of stage.turn()) {
      stage.deliver(one);
      stage.acknowledge(one);
    }
  }
  assert.deepEqual(wrong(stage), { lost: 0, doubled: 0, disordered: 0 });
  assert(stage.clients.every((client) => stage.calls.inCall(client)));
});

test('an acknowledged frame that never came is lost', () => {
  const stage = stagedCall();
  for (const one of stage.turn()) stage.acknowledge(one);
  assert.equal(wrong(stage).lost, 1);
});

test('a frame that came at two positions is doubled', () => {
  const stage = stagedCall();
  const [offer] = stage.turn();
  stage.deliver(offer!);
  stage.deliver(offer!);
  assert.equal(wrong(stage).doubled, 1);
});

test('a frame without an answer is repeated under its id, and given up when it may not be repeated any more', () => {
  const stage = stagedCall();
  const [offer] = stage.turn();
  stage.calls.stands(stage.clients[0]!, 30_000);
  assert.deepEqual(
    stage
      .turn()
      .map(({ id }) => id)
      .includes(offer!.id),
    true,
  );
  stage.later(60_000);
  stage.calls.stands(stage.clients[0]!, 30_000);
  assert.equal(stage.calls.ledger().acknowledged, 0);
  assert(stage.turn().every(({ id }) => id !== offer!.id));
  assert.equal(wrong(stage).lost, 0);
});
