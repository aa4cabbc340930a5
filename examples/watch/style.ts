/**
 * Terminal styles.
 *
 * @module
 */

/** Adds a style to a text. */
export type Paint = (text: string) => string;

/** The styles of the program. */
export interface Style {
  /** Headings. */
  readonly bold: Paint;
  /** Secondary text. */
  readonly dim: Paint;
  /** Additions and good states. */
  readonly green: Paint;
  /** Removals and errors. */
  readonly red: Paint;
  /** Changes and warnings. */
  readonly yellow: Paint;
}

/** Adds no style. */
export const plain: Paint = (text) => text;

/** Creates the styles: ANSI escape sequences if `isColourful`, else none. */
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
