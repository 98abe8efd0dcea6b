/** Bench: asks what the dialect costs per frame, in and out; budget 5 µs together for a small frame. */

import { bench, do_not_optimize } from 'mitata';
import { DeliveredFrame } from '../../seams.ts';
import { nativeDialect } from './native.ts';
import { frameText } from './writing.ts';

const small = message({ candidate: 'candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host', sdpMid: '0' });
const sdp = message({ type: 'offer', sdp: 'a=rtpmap:111 opus/48000/2\r\n'.repeat(110) });
const header = {
  v: 1,
  id: '17',
  channel: 'u/bob',
  from: { user: 'ann', device: 'phone', session: 'c2Vzc2lvbg' },
  kind: 'candidate',
  format: 'json',
  at: 1_800_000_000_000,
  ttlMs: 30_000,
};
const frame = new DeliveredFrame('u/bob', 'e1', 4_711, header, Buffer.from('{"candidate":"x","sdpMid":"0"}'));

bench('send, 180 bytes, to its request', () => {
  do_not_optimize(nativeDialect.step({ phase: 'open' }, small, 0));
});
bench('send with an SDP of 3 kB, to its request', () => {
  do_not_optimize(nativeDialect.step({ phase: 'open' }, sdp, 0));
});
bench('frame, to its text', () => {
  do_not_optimize(frameText(frame));
});

function message(body: object) {
  const text = JSON.stringify({ type: 'send', id: '17', to: { user: 'bob' }, kind: 'candidate', body });
  return { kind: 'message' as const, data: Buffer.from(text), binary: false };
}
