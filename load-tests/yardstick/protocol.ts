/** Protocol of the yardstick: the only thing its two sides have to agree on. */

/** Characters of the target's name at the beginning of each message, padded with spaces. */
export const NAME_CHARS = 8;
