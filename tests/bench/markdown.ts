/**
 * Tables and paragraphs in Markdown, as `deno fmt` lays them out, and the numbers in them.
 *
 * @module
 */

/** A table; the first row is its head. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(3, ...rows.map((row) => width(row[i]!))));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell + " ".repeat(widths[i]! - width(cell))).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((it) => "-".repeat(it))), ...body.map(line)].join("\n");
}

/** A number with three digits, or what an integer of more digits has; "-" for none. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  if (Math.abs(value) < 0.0005) return "0";
  return String(Number(value.toPrecision(Math.abs(value) < 1 ? 2 : 3)));
}

/** A number, and how many times the other it is: "12 (3.4 x)". */
export function formatRatio(value: number | undefined, base: number | undefined): string {
  const text = formatNumber(value);
  if (value === undefined || base === undefined || base === 0 || value === base) return text;
  return `${text} (${formatNumber(value / base)} x)`;
}

/** A paragraph, broken at spaces. */
export function wrapText(text: string, columns = 100): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1) ?? ""} ${word}`;
    if (lines.length > 0 && width(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join("\n");
}

function width(text: string): number {
  return [...text].length;
}
