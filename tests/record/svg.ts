/**
 * A screen of a terminal as an SVG that follows the reader's colour scheme.
 *
 * @module
 */

const CHARACTER_PX = 8.4;
const LINE_PX = 20;
const PADDING_PX = 16;

/** The class of each SGR code that the program uses; 22 and 39 end them. */
const CLASSES: Record<string, string> = {
  "1": "bold",
  "2": "dim",
  "31": "red",
  "32": "green",
  "33": "yellow",
};

const CSS = `
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #1f2328 }
rect { fill: #f6f8fa; stroke: #d1d9e0 }
.bold { font-weight: bold } .dim { fill: #59636e } .red { fill: #b3131b } .green { fill: #0f6b2b } .yellow { fill: #7d4e00 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } rect { fill: #0d1117; stroke: #3d444d }
  .dim { fill: #9198a1 } .red { fill: #ff8b83 } .green { fill: #56d364 } .yellow { fill: #e3b341 }
}
`;

/** A part of a line in one style. */
interface Run {
  readonly text: string;
  readonly classes: readonly string[];
}

/**
 * Draws lines with their ANSI colours.
 *
 * @param title What a screen reader says.
 * @param lines The lines, as `tmux capture-pane -e` prints them.
 * @param columns The width of the terminal.
 */
export function toSvg(title: string, lines: readonly string[], columns: number): string {
  const width = Math.round(columns * CHARACTER_PX + 2 * PADDING_PX);
  const height = lines.length * LINE_PX + 2 * PADDING_PX;
  const on = new Set<string>(); // tmux leaves a style on for the next line
  const texts = lines.map((line, i) => {
    const y = PADDING_PX + (i + 0.75) * LINE_PX;
    let column = 0;
    const runs = runsOf(line, on).map(({ classes, text }) => {
      const x = PADDING_PX + column * CHARACTER_PX;
      const length = text.length * CHARACTER_PX;
      column += text.length;
      const style = classes.length === 0 ? "" : ` class="${classes.join(" ")}"`;
      return `<tspan x="${px(x)}" textLength="${px(length)}"${style}>${escapeXml(text)}</tspan>`;
    });
    return runs.length === 0 ? "" : `<text y="${px(y)}">${runs.join("")}</text>\n`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">\n` +
    `<title>${escapeXml(title)}</title>\n<style>${CSS}</style>\n` +
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>\n` +
    `${texts.join("")}</svg>\n`;
}

/** Splits a line where its style changes; `on` has the SGR codes that are on. Spaces at the end are left out. */
function runsOf(line: string, on: Set<string>): Run[] {
  const runs: Run[] = [];
  // deno-lint-ignore no-control-regex -- ANSI escape sequences
  for (const [, codes, text = ""] of line.trimEnd().matchAll(/\x1b\[([\d;]*)m|([^\x1b]+)/g)) {
    if (codes === undefined) runs.push({ text, classes: [...on].map((code) => CLASSES[code]!) });
    else for (const code of codes.split(";")) apply(on, code);
  }
  return runs;
}

function apply(on: Set<string>, code: string): void {
  if (code in CLASSES) on.add(code);
  for (const other of on) {
    const isColour = other.length > 1;
    if (code === "" || code === "0" || code === (isColour ? "39" : "22")) on.delete(other);
  }
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
