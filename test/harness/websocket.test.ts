import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFrameReader, maskedFrame, opcodes, openWebSocket, UpgradeRefused } from './websocket.ts';

/** The frame as a server would send it: without the mask. */
function unmasked(frame: Buffer): Buffer {
  const short = (frame[1] as number) & 127;
  const maskAt = short === 127 ? 10 : short === 126 ? 4 : 2;
  const mask = frame.subarray(maskAt, maskAt + 4);
  const payload = frame.subarray(maskAt + 4).map((byte, i) => byte ^ (mask[i & 3] as number));
  const head = Buffer.from(frame.subarray(0, maskAt));
  head[1] = short;
  return Buffer.concat([head, payload]);
}

test('frames of any length are read back, however the bytes are cut and the messages fragmented', () => {
  const payloads = fc.array(
    fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(70_000).fill(7))),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(payloads, fc.integer({ min: 1, max: 5_000 }), fc.boolean(), (messages, step, split) => {
      const frames = messages.flatMap((payload) => {
        if (!split || payload.length < 2) return [maskedFrame(opcodes.binary, payload)];
        return [
          maskedFrame(opcodes.binary, payload.subarray(0, 1), false),
          maskedFrame(opcodes.ping, Buffer.from('between')),
          maskedFrame(opcodes.continuation, payload.subarray(1)),
        ];
      });
      const bytes = Buffer.concat(frames.map(unmasked));
      const read: Buffer[] = [];
      const reader = createFrameReader((opcode, payload) => {
        if (opcode === opcodes.binary) read.push(Buffer.from(payload));
        else assert.equal(payload.toString(), 'between');
      });
      for (let at = 0; at < bytes.length; at += step) reader(bytes.subarray(at, at + step));
      assert.deepEqual(
        read.map((payload) => payload.toString('hex')),
        messages.map((payload) => Buffer.from(payload).toString('hex')),
      );
    }),
  );
});

test('a refused upgrade rejects with its status and body', async (t) => {
  const server = createServer().on('upgrade', (_, socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nConnection: close\r\n\r\nno!\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await assert.rejects(openWebSocket(url, {}, { text: () => {}, closed: () => {} }), (error) => {
    assert(error instanceof UpgradeRefused);
    assert.deepEqual([error.status, error.body], [403, 'no!\n']);
    return true;
  });
});
