/**
 * A program that shows the network of this machine, then each change as it happens:
 * `deno run --allow-ffi jsr:@netwatch/netwatch/watch`, and with `--help` what else it can do.
 *
 * @module
 */
import { type Logger, NetworkMonitor, type Snapshot } from "../mod.ts";
import { escapeText } from "../state/escape.ts";
import { HELP, parseOptions, UsageError, type WatchOptions } from "./watch/options.ts";
import { isClosedPipe, Output } from "./watch/output.ts";
import { formatChanges } from "./watch/changes.ts";
import { formatStats } from "./watch/stats.ts";
import { createStyle, type Style } from "./watch/style.ts";
import { formatTable } from "./watch/table.ts";

/** What the monitor has to say to the operator. Why it polls is shown in the table. */
const LOGGER: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => console.error(`warning: ${escapeText(message)}`),
  error: (message) => console.error(`error: ${escapeText(message)}`),
};

/** Long enough for a reader that wants one line to take it and go. */
const FIRST_LINE_PAUSE_MS = 30;

if (import.meta.main) void main(Deno.args);

async function main(args: readonly string[]): Promise<void> {
  try {
    const options = parseOptions(args);
    if (options.help) await new Output().write(HELP);
    else await watch(options, new Output());
  } catch (error) {
    if (isClosedPipe(error)) return;
    LOGGER.error(error instanceof Error ? error.message : String(error));
    if (error instanceof UsageError) console.error("Run it with --help to see the options");
    Deno.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

async function watch(options: WatchOptions, output: Output): Promise<void> {
  const { monitor: monitorOptions, subscription } = options;
  await using monitor = await NetworkMonitor.open({ ...monitorOptions, logger: LOGGER });
  using interrupt = new Interrupt();
  const style = createStyle(output.isColourful);
  const snapshots = monitor.snapshots({ ...subscription, signal: interrupt.signal });
  const show = options.json
    ? (snapshot: Snapshot) => output.write(jsonLine(snapshot))
    : createTextView(monitor, output, style, options.once);
  try {
    for await (const snapshot of snapshots) {
      await show(snapshot);
      if (options.once) break;
    }
  } catch (error) {
    if (!isClosedPipe(error)) throw error;
    output.close();
  }
  if (!options.stats) return;
  const stats = (of: Style) => formatStats(monitor.health, monitor.metrics, of);
  if (options.json) console.error(stats(createStyle(false)).trimEnd());
  else await output.write(`\n${stats(style)}`);
}

/** The first snapshot as a table, the others as lines. */
function createTextView(
  monitor: NetworkMonitor,
  output: Output,
  style: Style,
  once: boolean,
): (snapshot: Snapshot) => Promise<void> {
  let first = true;
  return async (snapshot) => {
    if (!first) return await output.write(formatChanges(snapshot, style));
    first = false;
    const table = formatTable(snapshot, monitor.health, style, output.columns);
    if (once) await output.write(table);
    else if (output.isTerminal) await output.write(table + style.dim("\nCtrl-C ends it.\n\n"));
    else await writeFirstLineFirst(output, `${table}\n`);
  };
}

/**
 * Nothing but a write tells that the reader of a pipe is gone, and on a quiet network the next one may
 * be hours away: under `| head -1` the rest of the table finds out.
 */
async function writeFirstLineFirst(output: Output, text: string): Promise<void> {
  const end = text.indexOf("\n") + 1;
  await output.write(text.slice(0, end));
  await new Promise((resolve) => setTimeout(resolve, FIRST_LINE_PAUSE_MS));
  await output.write(text.slice(end));
}

/** In ASCII, so that a terminal obeys nothing in it: JSON.stringify() leaves C1 controls as they are. */
function jsonLine(snapshot: Snapshot): string {
  const json = JSON.stringify(snapshot).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${json}\n`;
}

/** The first Ctrl-C or SIGTERM ends the watch, a second one the program, as without listeners. */
class Interrupt implements Disposable {
  readonly #abort = new AbortController();
  readonly #names: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];

  constructor() {
    for (const name of this.#names) Deno.addSignalListener(name, this.#listener);
  }

  /** Aborts at the first signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) Deno.removeSignalListener(name, this.#listener);
  }

  readonly #listener = (): void => {
    this[Symbol.dispose]();
    this.#abort.abort();
  };
}
