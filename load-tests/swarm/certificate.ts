/**
 * Certificate: one for the gateways of a load test, signed by itself, which nobody but a swarm believes.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  remove(): void;
}

/** ECDSA with P-256, as most certificates of today. */
export function makeCertificate(): CertificateFiles {
  const folder = mkdtempSync(join(tmpdir(), 'snowshed-certificate-'));
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const subject = ['-subj', '/CN=localhost', '-days', '7', '-out', certFile];
  const { status, stderr, error } = spawnSync('openssl', ['req', '-x509', ...key, ...subject], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`openssl makes no certificate: ${error?.message ?? stderr}`);
  return { certFile, keyFile, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
