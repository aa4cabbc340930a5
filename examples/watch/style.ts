/**
 * Terminal styles.
 *
 * @module
 */
import { styleText } from "node:util";

/** Adds a style to a text. */
export type Paint = (text: string) => string;

/** Headings; secondary text; additions and good states; removals and errors; changes and warnings. */
export type Style = Readonly<Record<"bold" | "dim" | "green" | "red" | "yellow", Paint>>;

/** Adds no style. */
export const plain: Paint = (text) => text;

/** Creates the styles: ANSI escape sequences if `isColourful`, else none. */
export function createStyle(isColourful: boolean): Style {
  const paint = (format: keyof Style): Paint =>
    // validating the stream would need permission to read the environment
    isColourful ? (text) => styleText(format, text, { validateStream: false }) : plain;
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    green: paint("green"),
    red: paint("red"),
    yellow: paint("yellow"),
  };
}
