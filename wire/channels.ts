/**
 * Channel: an address that has a log, `u/<user>` or `r/<room>`; and the partition it falls in.
 *
 * A name is 1 to 128 bytes of UTF-8 without control characters. On the bus a channel is one token of a
 * subject: letters, digits, `-` and `_` stand for themselves, every other byte is `=` and two hex
 * digits, so `u/ann@x.org` is `u_ann=40x=2eorg`. The encoding is one-to-one.
 *
 * Pure, and small enough for a browser.
 */

import { NAME_BYTES_MAX } from './limits.ts';

export type Channel = string;

export interface ChannelParts {
  readonly kind: 'user' | 'room';
  readonly name: string;
}

export function userChannel(user: string): Channel {
  return `u/${user}`;
}

export function roomChannel(room: string): Channel {
  return `r/${room}`;
}

/** The parts of a channel, or `undefined` where the text is none. */
export function channelParts(text: string): ChannelParts | undefined {
  if (text.charCodeAt(1) !== 47) return undefined;
  const kind = text[0] === 'u' ? 'user' : text[0] === 'r' ? 'room' : undefined;
  const name = text.slice(2);
  return kind !== undefined && isName(name) ? { kind, name } : undefined;
}

/** Whether a text may name a user, device or room: 1–128 bytes, no control characters, well-formed. */
export function isName(text: string): boolean {
  if (text.length === 0 || text.length > NAME_BYTES_MAX) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit === 0x7f) return false;
    if (unit > 0x7f) return isNameBeyondAscii(text);
  }
  return true;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

function isNameBeyondAscii(text: string): boolean {
  return !controlCharacter.test(text) && text.isWellFormed() && utf8.encode(text).length <= NAME_BYTES_MAX;
}

/**
 * The partition of a channel, 0 to `partitions` − 1.
 *
 * FNV-1a over the UTF-8 bytes, then the finalizer of MurmurHash3 so that names which differ in their
 * last character alone spread over all partitions. Fixed for ever: a log is found again by it.
 */
export function partitionOf(channel: Channel, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < channel.length; i++) {
    const unit = channel.charCodeAt(i);
    if (unit > 0x7f) return finalized(hashOfBytes(utf8.encode(channel))) % partitions;
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return finalized(hash) % partitions;
}

function hashOfBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

function finalized(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const utf8 = new TextEncoder();
const plain = /^[A-Za-z0-9_-]+$/;

/** The channel as one token of a bus subject. */
export function busToken(channel: Channel): string {
  const name = channel.slice(2);
  const prefix = channel[0] === 'u' ? 'u_' : 'r_';
  if (plain.test(name)) return prefix + name;
  let token = prefix;
  for (const byte of utf8.encode(name)) {
    const character = String.fromCharCode(byte);
    token += plain.test(character) ? character : `=${byte.toString(16).padStart(2, '0')}`;
  }
  return token;
}

/** The channel of a bus token, or `undefined` where the token is none that {@link busToken} makes. */
export function channelOfBusToken(token: string): Channel | undefined {
  const prefix = token.startsWith('u_') ? 'u/' : token.startsWith('r_') ? 'r/' : undefined;
  if (prefix === undefined) return undefined;
  const encoded = token.slice(2);
  if (plain.test(encoded)) return prefix + encoded;
  const channel = prefix + decodedName(encoded);
  return channelParts(channel) !== undefined && busToken(channel) === token ? channel : undefined;
}

function decodedName(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('%', '').replaceAll('=', '%'));
  } catch {
    return '';
  }
}
