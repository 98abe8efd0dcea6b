/**
 * Nesting: how deep the arrays and objects of a JSON text lie in one another, without parsing it.
 *
 * Strings are skipped by looking for their closing quote, so a long SDP costs next to nothing. A text
 * that is no JSON gets an answer too; the parser says what is wrong with it.
 *
 * Pure.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Whether arrays and objects lie more than `levelsMax` deep in one another. */
export function isNestedDeeper(text: string, levelsMax: number): boolean {
  // Each level takes one character to open it.
  if (text.length <= levelsMax) return false;
  let levels = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) {
      i = stringEnd(text, i);
      if (i < 0) return false;
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      levels += 1;
      if (levels > levelsMax) return true;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) levels -= 1;
  }
  return false;
}

/** Where the string that begins at `start` has its closing quote, or −1. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before -= 1;
  return (at - before) % 2 === 0;
}
