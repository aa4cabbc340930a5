/**
 * Makes untrusted text safe to print.
 *
 * @module
 */

/**
 * Control characters (terminal escape sequences), format characters (bidirectional overrides, zero width,
 * byte order mark), lone surrogates, line and paragraph separators, and whatever is invisible by default.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Makes text safe to print and to log: each control, format, separator and invisible character, and each
 * lone surrogate, becomes `\u{hex}`. Whoever may create an interface chooses its name, and the name can
 * clear the operator's terminal.
 */
export function escapeText(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}
