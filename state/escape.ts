/**
 * Untrusted text made safe to print.
 *
 * @module
 */

/**
 * What may be neither printed nor logged as it is: control characters (terminal escape sequences), format
 * characters (bidirectional overrides, zero width, byte order mark), lone surrogates, line and
 * paragraph separators, and what is invisible by default.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Text that is safe to print and to log: each control, format, separator and invisible character, and each
 * lone surrogate, becomes `\u{hex}`. Whoever may create an interface chooses its name, also one that
 * would clear the operator's terminal.
 */
export function escapeText(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}
