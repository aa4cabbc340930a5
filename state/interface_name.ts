// Interface names from bytes to text, without loss.

const BACKSLASH = 0x5c;

/** A backslash that `interfaceName()` could have written itself. */
const ESCAPE_LOOK_ALIKE = /\\(?=x[0-9a-fA-F]{2})/g;

/** A well-formed sequence of UTF-8 (Unicode, table 3-7), or any other byte that is not ASCII. */
const SEQUENCE =
  /[\xc2-\xdf][\x80-\xbf]|(?:\xe0[\xa0-\xbf]|\xed[\x80-\x9f]|[\xe1-\xec\xee\xef][\x80-\xbf])[\x80-\xbf]|(?:\xf0[\x90-\xbf]|\xf4[\x80-\x8f]|[\xf1-\xf3][\x80-\xbf])[\x80-\xbf]{2}|[\x80-\xff]/g;

/**
 * Decodes the name of an interface. The kernel accepts any byte but NUL, `/`, `:` and white space
 * (`dev_valid_name` in net/core/dev.c), so a name need not be UTF-8: a byte that is not part of valid UTF-8
 * becomes `\xhh`. Different names never yield the same text: a backslash that precedes `x` and two
 * hexadecimal digits in the name itself becomes `\x5c`.
 */
export function interfaceName(bytes: Uint8Array): string {
  let text = "";
  let isPlain = true;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    text += String.fromCharCode(byte);
    if (byte >= 0x80 || byte === BACKSLASH) isPlain = false;
  }
  if (isPlain) return text;
  return text
    .replace(ESCAPE_LOOK_ALIKE, "\\x5c")
    .replace(SEQUENCE, (sequence) => {
      if (sequence.length === 1) return `\\x${sequence.charCodeAt(0).toString(16)}`;
      const bytes = Uint8Array.from(sequence, (byte) => byte.charCodeAt(0));
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    });
}
