/**
 * A screen that shows the network as it is now, and the newest changes.
 *
 * @module
 */
import type { NetworkMonitor, Snapshot, State } from "../../mod.ts";
import { formatNews, type View } from "./news.ts";
import type { Output } from "./output.ts";
import { formatTable } from "./table.ts";

/** The alternate screen (which keeps what was on the terminal before), no cursor, no wrapping: xterm's modes. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** The rows to assume if the terminal does not report its size. */
const ROWS = 24;
/** How many snapshots are kept: more than fit. */
const NEWS_MAX = 100;
/** The least number of rows for the news. */
const NEWS_ROWS = 5;

/** Takes over the terminal until it is disposed. */
export class LiveScreen implements AsyncDisposable {
  readonly #monitor: NetworkMonitor;
  readonly #output: Output;
  readonly #view: View;
  readonly #news: (readonly [Snapshot, State])[] = [];
  #last: Snapshot | null = null;

  /** Takes over the terminal. */
  constructor(monitor: NetworkMonitor, output: Output, view: View) {
    this.#monitor = monitor;
    this.#output = output;
    this.#view = view;
    void output.write(ENTER);
    monitor.addEventListener("health", this.#redraw);
    if (Deno.build.os === "windows") return;
    Deno.addSignalListener("SIGWINCH", this.#redraw);
    Deno.addSignalListener("SIGTSTP", this.#suspend);
    Deno.addSignalListener("SIGCONT", this.#resume);
  }

  /** Shows a snapshot. */
  async show(snapshot: Snapshot): Promise<void> {
    if (this.#last !== null) this.#news.push([snapshot, this.#last.state]);
    if (this.#news.length > NEWS_MAX) this.#news.shift();
    this.#last = snapshot;
    await this.#redraw();
  }

  /** Gives the terminal back as it was. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor.removeEventListener("health", this.#redraw);
    if (Deno.build.os !== "windows") {
      Deno.removeSignalListener("SIGWINCH", this.#redraw);
      Deno.removeSignalListener("SIGTSTP", this.#suspend);
      Deno.removeSignalListener("SIGCONT", this.#resume);
    }
    await this.#output.write(LEAVE);
  }

  /** Ctrl-Z: gives the terminal back, then stops by a signal without a listener. Without job control it goes on. */
  readonly #suspend = async (): Promise<void> => {
    await this.#output.write(LEAVE);
    Deno.kill(Deno.pid, "SIGTTOU");
    this.#resume();
  };

  /** After `fg`: the shell has used the terminal meanwhile. */
  readonly #resume = (): void => {
    void this.#output.write(ENTER);
    void this.#redraw();
  };

  readonly #redraw = async (): Promise<void> => {
    if (this.#last === null) return;
    const table = linesOf(formatTable(this.#last, this.#monitor.health, this.#view));
    const rows = this.#output.size?.rows ?? ROWS;
    let news: string[] = [];
    for (const [snapshot, previous] of this.#news.toReversed()) {
      if (news.length >= rows) break; // there is no room for older ones
      news = [...linesOf(formatNews(snapshot, previous, this.#view)), ...news];
    }
    const lines = screenLines(table, news, rows);
    // cleared first: after a line that fills the terminal the cursor is still on its last character
    const last = lines.length - 1;
    const screen = lines.map((line, i) => (i < last ? CLEAR_LINE : CLEAR_BELOW) + line);
    await this.#output.write(HOME + screen.join("\r\n"));
  };
}

/** As much of the table as fits, and below it the newest news. */
export function screenLines(
  table: readonly string[],
  news: readonly string[],
  rows: number,
): string[] {
  const room = Math.max(rows - Math.min(news.length, NEWS_ROWS) - 1, 1);
  const head = table.length <= room
    ? table
    : [...table.slice(0, room - 1), `… and ${table.length - room + 1} more lines`];
  const left = Math.max(rows - head.length - 1, 0);
  return left === 0 || news.length === 0 ? [...head] : [...head, "", ...news.slice(-left)];
}

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}
