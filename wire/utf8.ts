/** UTF-8: the text of bytes, read without another view of them where they are a Buffer already. */

/** From `start` to `end`; what is no UTF-8 is replaced by U+FFFD. */
export function textOf(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  if (Buffer.isBuffer(bytes)) return bytes.toString('utf8', start, end);
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

/** Of the first bytes, at most so many, a character each. */
export function asciiOf(bytes: Uint8Array, bytesMax: number): string {
  const end = Math.min(bytes.length, bytesMax);
  if (Buffer.isBuffer(bytes)) return bytes.toString('latin1', 0, end);
  return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1');
}
