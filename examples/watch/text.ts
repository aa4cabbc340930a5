/**
 * The width of text in a terminal, and lines that fit into it.
 *
 * @module
 */

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The escape sequences of colours, which have no width. */
// deno-lint-ignore no-control-regex -- they begin with a control character
const SGR = /\x1b\[[\d;]*m/g;

/** Characters that East Asian terminals draw two columns wide (UAX #11), by script and block, and emoji. */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u303e\u30fb\u30fc\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|\ufe0f/u;
const HALF_WIDTH = /^[\uff61-\uffdc\uffe8-\uffee]/;
const ZERO_WIDTH = /^\p{Mark}/u;

/** The number of columns that the text takes: 2 for a wide character or an emoji, 0 for colours. */
export function widthOf(text: string): number {
  const plain = text.replace(SGR, "");
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(plain)) width += graphemeWidth(segment);
  return width;
}

/** Pads the text with spaces to a width in columns. */
export function pad(text: string, width: number, alignsRight = false): string {
  const spaces = " ".repeat(Math.max(0, width - widthOf(text)));
  return alignsRight ? spaces + text : text + spaces;
}

/**
 * Breaks a line at spaces, so that no part is wider than `columns`. The parts after the first are indented. A
 * word that is wider than a line alone stays whole.
 *
 * @param columns The width; null for no limit.
 * @param indent How many columns to indent the parts after the first.
 */
export function wrap(text: string, columns: number | null, indent: number): string[] {
  if (columns === null || widthOf(text) <= columns) return [text];
  const lines: string[] = [];
  const [, margin = "", rest = ""] = /^( *)(.*)$/s.exec(text) ?? [];
  let line = margin;
  let isEmpty = true;
  for (const word of rest.split(" ")) {
    if (!isEmpty && widthOf(line) + 1 + widthOf(word) > columns) {
      lines.push(line.trimEnd());
      line = " ".repeat(indent) + word;
    } else line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line.trimEnd()];
}

function graphemeWidth(grapheme: string): number {
  if (ZERO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) && !HALF_WIDTH.test(grapheme) ? 2 : 1;
}
