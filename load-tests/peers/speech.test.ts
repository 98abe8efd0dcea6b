import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Speech } from './speech.ts';
import { speeches } from './speeches.ts';

/** What a client of this speech understands of the messages. */
function understood(speech: Speech, ...messages: string[]): readonly string[] {
  const heard: string[] = [];
  for (const message of messages) {
    const bytes = Buffer.from(`before${message}after`);
    speech.heard(bytes, 6, bytes.length - 5, {
      frame: (of, at) => heard.push(`frame ${of.toString('utf8', at, at + 3)}`),
      acknowledged: () => heard.push('acknowledged'),
      refused: (text) => heard.push(`refused ${text}`),
    });
  }
  return heard;
}

test('Centrifugo: replies and publications that come in one message are told apart', () => {
  const publication =
    '{"push":{"channel":"c0000001","pub":{"data":"007x","info":{"user":"c0"},"offset":12}}}';
  const refusal = '{"id":5,"error":{"code":103,"message":"permission denied"}}';
  assert.deepEqual(
    understood(speeches.centrifugo, `{"id":1007,"publish":{}}\n${publication}\n`, publication, refusal),
    ['acknowledged', 'frame 007', 'frame 007', `refused ${refusal}`],
  );
});

test('Socket.IO: a frame is an event, an answer an acknowledgement, anything else a refusal', () => {
  assert.deepEqual(
    understood(speeches['socket.io'], '42["frame","c0000000","007x"]', '431007[]', '44{"message":"no"}'),
    ['frame 007', 'acknowledged', 'refused 44{"message":"no"}'],
  );
});

test('what is sent is good JSON with the number in its place', () => {
  const centrifugo = JSON.parse(speeches.centrifugo.message('c0000001', '007x', '007'));
  assert.deepEqual(centrifugo, { id: 1007, publish: { channel: 'c0000001', data: '007x' } });
  const event = speeches['socket.io'].message('c0000001', '007x', '007');
  assert.equal(event.slice(0, 6), '421007');
  assert.deepEqual(JSON.parse(event.slice(6)), ['send', 'c0000001', '007x']);
});
