/**
 * Emphasis on a terminal.
 *
 * @module
 */

/** Marks a text up. */
export type Paint = (text: string) => string;

/** What may be marked up, and how. */
export interface Style {
  /** A heading. */
  readonly bold: Paint;
  /** What matters less. */
  readonly dim: Paint;
  /** What came, or is well. */
  readonly green: Paint;
  /** What went, or is broken. */
  readonly red: Paint;
  /** What differs, or is not quite well. */
  readonly yellow: Paint;
}

/** Marks nothing up. */
export const plain: Paint = (text) => text;

/** The style of a terminal, or of plain text. */
export function createStyle(isColourful: boolean): Style {
  const sgr = (on: number, off: number): Paint =>
    isColourful ? (text) => `\x1b[${on}m${text}\x1b[${off}m` : plain;
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    green: sgr(32, 39),
    red: sgr(31, 39),
    yellow: sgr(33, 39),
  };
}
