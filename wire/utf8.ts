/** UTF-8: the text of bytes, read without another view of them where they are a Buffer already. */

/** From `start` to `end`; what is no UTF-8 is replaced by U+FFFD. */
export function textOf(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  if (Buffer.isBuffer(bytes)) return bytes.toString('utf8', start, end);
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
