/**
 * A program that shows this machine's network, then prints each change as it happens:
 * `deno run --allow-ffi jsr:@netwatch/netwatch/watch`. `--help` lists its options.
 *
 * @module
 */
import { type Logger, type MonitorOptions, NetworkMonitor, type Snapshot } from "../mod.ts";
import { escapeText } from "../state/format.ts";
import { HELP, parseOptions, UsageError, type WatchOptions } from "./watch/options.ts";
import { isClosedPipe, Output } from "./watch/output.ts";
import { formatChanges } from "./watch/changes.ts";
import { formatStats } from "./watch/stats.ts";
import { createStyle, type Style } from "./watch/style.ts";
import { formatTable } from "./watch/table.ts";

/** Prints the monitor's warnings and errors. The table already shows why it polls. */
const LOGGER: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => console.error(`warning: ${escapeText(message)}`),
  error: (message) => console.error(`error: ${escapeText(message)}`),
};

/** Gives a reader that wants one line, such as `head -1`, the time to read it and exit. */
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
    if (error instanceof UsageError) console.error("Run with --help to list the options");
    Deno.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

async function watch(options: WatchOptions, output: Output): Promise<void> {
  const { monitor: monitorOptions, subscription } = options;
  await using monitor = await openMonitor(monitorOptions);
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

/** The monitor checks its options itself. */
async function openMonitor(options: MonitorOptions): Promise<NetworkMonitor> {
  try {
    return await NetworkMonitor.open({ ...options, logger: LOGGER });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** Prints the first snapshot as a table and the changes of the others as lines. */
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
    else if (output.isTerminal) {
      await output.write(table + style.dim("\nPress Ctrl-C to stop.\n\n"));
    } else await writeFirstLineFirst(output, `${table}\n`);
  };
}

/**
 * Only a write shows that the reader of a pipe has exited, and on a quiet network the next change may be
 * hours away. The pause lets `| head -1` exit, so the rest of the table fails to write.
 */
async function writeFirstLineFirst(output: Output, text: string): Promise<void> {
  const end = text.indexOf("\n") + 1;
  await output.write(text.slice(0, end));
  await new Promise((resolve) => setTimeout(resolve, FIRST_LINE_PAUSE_MS));
  await output.write(text.slice(end));
}

/** Escapes all but ASCII: `JSON.stringify()` keeps C1 control characters, which terminals obey. */
function jsonLine(snapshot: Snapshot): string {
  const json = JSON.stringify(snapshot).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${json}\n`;
}

/** The first Ctrl-C or SIGTERM aborts the signal; a second one kills the program, as without listeners. */
class Interrupt implements Disposable {
  readonly #abort = new AbortController();
  readonly #names: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];

  constructor() {
    for (const name of this.#names) Deno.addSignalListener(name, this.#listener);
  }

  /** Aborted at the first Ctrl-C or SIGTERM. */
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
