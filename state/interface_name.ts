/**
 * Interface names from bytes to text, without loss.
 *
 * @module
 */

const ASCII_LIMIT = 0x80;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;

/**
 * Decodes the name of an interface. The kernel accepts any byte but NUL, `/`, `:` and white space
 * (`dev_valid_name` in net/core/dev.c), so a name need not be UTF-8: a byte that is not part of valid UTF-8
 * becomes `\xhh`. Different names never yield the same text: a backslash that precedes `x` and two
 * hexadecimal digits in the name itself becomes `\x5c`.
 */
export function interfaceName(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const byte = bytes[i] as number;
    if (byte < ASCII_LIMIT) {
      text += byte === BACKSLASH && looksEscaped(bytes, i)
        ? escapeByte(byte)
        : String.fromCharCode(byte);
      i++;
      continue;
    }
    const length = sequenceLength(bytes, i);
    text += length === 0 ? escapeByte(byte) : String.fromCodePoint(codePoint(bytes, i, length));
    i += length || 1;
  }
  return text;
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

function looksEscaped(bytes: Uint8Array, backslash: number): boolean {
  return bytes[backslash + 1] === LETTER_X && isHexDigit(bytes[backslash + 2]) &&
    isHexDigit(bytes[backslash + 3]);
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) ||
    (byte >= 0x61 && byte <= 0x66);
}

/** The length of the well-formed sequence at `start`; 0 if there is none (Unicode, table 3-7). */
function sequenceLength(bytes: Uint8Array, start: number): number {
  const first = bytes[start] as number;
  const length = first >= 0xc2 && first <= 0xdf
    ? 2
    : first >= 0xe0 && first <= 0xef
    ? 3
    : first >= 0xf0 && first <= 0xf4
    ? 4
    : 0;
  if (length === 0 || start + length > bytes.length) return 0;
  const second = bytes[start + 1] as number;
  // no overlong forms, no surrogates, nothing beyond U+10FFFF
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = start + 2; i < start + length; i++) {
    if (((bytes[i] as number) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

function codePoint(bytes: Uint8Array, start: number, length: number): number {
  let value = (bytes[start] as number) & (0x7f >> length);
  for (let i = start + 1; i < start + length; i++) {
    value = (value << 6) | ((bytes[i] as number) & 0x3f);
  }
  return value;
}
