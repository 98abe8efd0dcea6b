import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { createServer } from 'node:tls';
import fc from 'fast-check';
import { makeCertificate } from './certificate.ts';
import { chacha20 } from './chacha20.ts';
import { TlsClient } from './tls.ts';

test('ChaCha20 is that of OpenSSL, at every length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (data) => {
      const [key, nonce] = [randomBytes(32), randomBytes(12)];
      // OpenSSL takes the counter before the nonce, in one piece.
      const counterAndNonce = Buffer.concat([Buffer.from([1, 0, 0, 0]), nonce]);
      const expected = createCipheriv('chacha20', key, counterAndNonce).update(data);
      const mine = Uint8Array.from(data);
      chacha20(key, nonce, 1, mine);
      assert.deepEqual(Buffer.from(mine), expected);
    }),
  );
});

test('a client speaks TLS 1.3 with a server that is not ours, in pieces of any size', async () => {
  const certificate = makeCertificate();
  const server = createServer(
    { cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) },
    (socket) => socket.pipe(socket),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    const sent = randomBytes(40_000).toString('base64');
    const echoed = await new Promise<string>((resolve, reject) => {
      let heard = '';
      const client = new TlsClient(
        (bytes) => socket.write(bytes),
        () => {
          for (let at = 0; at < sent.length; at += 7_000) {
            socket.write(client.sealed(Buffer.from(sent.slice(at, at + 7_000))));
          }
        },
      );
      socket.on('connect', () => client.start());
      socket.on('error', reject);
      socket.on('data', (bytes) => {
        // What is read is overwritten by what is read next.
        for (let at = 0; at < bytes.length; at += 1_000) {
          const piece = Buffer.from(bytes.subarray(at, at + 1_000));
          client.take(piece, (plain) => {
            heard += plain.toString();
          });
          piece.fill(0);
        }
        if (heard.length >= sent.length) resolve(heard);
      });
    });
    assert.equal(echoed, sent);
  } finally {
    socket.destroy();
    server.close();
    certificate.remove();
  }
});
