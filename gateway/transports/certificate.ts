/**
 * Certificate: the files that TLS at the gateway is made of, and the moment they change.
 *
 * Both are read again at a fixed pace, since a watch on a file misses what replaces it (a mounted secret is
 * a symbolic link that is turned round). A pair that does not fit is not taken: whoever writes
 * two files writes one of them first.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cancel, Clock } from '#runtime/clock.ts';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** How soon a new certificate is seen. */
export const CERTIFICATE_LOOK_MS = 5_000;

/**
 * Looks after the files until cancelled.
 *
 * @param renew takes the pair that stands there now; may throw.
 * @param reported told of every change: taken (`undefined`), or what is wrong with it.
 */
export function watchCertificate(
  files: CertificateFiles,
  clock: Clock,
  renew: () => void,
  reported: (problem: string | undefined) => void,
): Cancel {
  let seen = contentOf(files);
  return clock.every(CERTIFICATE_LOOK_MS, () => {
    const content = contentOf(files);
    if (content === seen) return;
    seen = content;
    reported(certificateProblem(files) ?? problemOf(renew));
  });
}

/** Why these files are no certificate and its key, or `undefined`. Never quotes what stands in them. */
export function certificateProblem({ certFile, keyFile }: CertificateFiles): string | undefined {
  return problemOf(() => {
    const certificate = new X509Certificate(readFileSync(certFile));
    const key = createPrivateKey(readFileSync(keyFile));
    if (!certificate.checkPrivateKey(key)) throw new Error(`${keyFile} is not the key of ${certFile}`);
  });
}

function contentOf({ certFile, keyFile }: CertificateFiles): string {
  try {
    return `${readFileSync(certFile, 'utf8')}\n${readFileSync(keyFile, 'utf8')}`;
  } catch {
    return '';
  }
}

function problemOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
