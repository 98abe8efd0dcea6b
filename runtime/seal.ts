/**
 * Seal: what we write down for a client to bring back, so that nobody can change it.
 *
 *     base64url(JSON) . base64url(HMAC-SHA256(secret, purpose ⏎ base64url(JSON)))
 *
 * Sealed, not hidden: whoever holds it can read it. The purpose keeps what was sealed for one use from
 * being opened for another. The first secret seals; the second, where one is given, still opens, so that
 * secrets can be changed while the service runs.
 */

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { TOKEN_CHARS_MAX } from '#wire/limits.ts';

/** HMAC-SHA256 deserves a secret of its own length; a text has to be longer, as it says less per character. */
export const SECRET_CHARS_MIN = 32;

export interface Sealer {
  seal(payload: object): string;
  /** What was sealed, or `undefined` where the seal is not ours, was changed, or is for another purpose. */
  open(sealed: string): unknown;
}

/**
 * @param secrets the one that seals, and one more that opens.
 * @throws Error that names no secret, if one is too short.
 */
export function createSealer(
  secrets: readonly [newest: string, previous?: string | undefined],
  purpose: string,
): Sealer {
  const keys = secrets.filter((secret) => secret !== undefined).map(keyOf);
  const [newest] = keys;
  if (newest === undefined) throw new Error('a seal needs a secret');
  return {
    seal(payload) {
      const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
      return `${text}.${macOf(newest, purpose, text).toString('base64url')}`;
    },
    open(sealed) {
      const dot = sealed.indexOf('.');
      if (dot < 0 || sealed.length > TOKEN_CHARS_MAX) return undefined;
      const text = sealed.slice(0, dot);
      const mac = decodedMac(sealed.slice(dot + 1));
      if (mac === undefined || !keys.some((key) => timingSafeEqual(macOf(key, purpose, text), mac))) {
        return undefined;
      }
      return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    },
  };
}

function keyOf(secret: string): KeyObject {
  if (secret.length < SECRET_CHARS_MIN) {
    throw new Error(`a secret has to be ${SECRET_CHARS_MIN} characters or longer`);
  }
  return createSecretKey(secret, 'utf8');
}

function macOf(key: KeyObject, purpose: string, text: string): Buffer {
  return createHmac('sha256', key).update(`${purpose}\n${text}`).digest();
}

/** 32 bytes in exactly the one way that `seal` writes them. */
function decodedMac(text: string): Buffer | undefined {
  const mac = Buffer.from(text, 'base64url');
  return mac.length === 32 && mac.toString('base64url') === text ? mac : undefined;
}
