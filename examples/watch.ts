/**
 * A program that shows this machine's network, then prints each change as it happens:
 * `deno run --allow-ffi jsr:@netwatch/netwatch/watch`. `--help` lists its options.
 *
 * @module
 */
import { type Health, type Logger, NetworkMonitor, type Snapshot, type State } from "../mod.ts";
import { escapeText } from "../state/format.ts";
import { HELP, VERSION } from "./watch/help.ts";
import { changeLines, jsonLine } from "./watch/json.ts";
import { LiveScreen } from "./watch/live.ts";
import { formatNews, type View } from "./watch/news.ts";
import { parseOptions, UsageError, type WatchOptions } from "./watch/options.ts";
import { Output } from "./watch/output.ts";
import { formatStats } from "./watch/stats.ts";
import { createStyle } from "./watch/style.ts";
import { formatTable } from "./watch/table.ts";
import { formatDateTime, formatIso, formatTime } from "./watch/time.ts";

/** Prints the monitor's warnings and errors. The table already shows why it polls. */
const LOGGER: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => console.error(`warning: ${escapeText(message)}`),
  error: (message) => console.error(`error: ${escapeText(message)}`),
};

/** How long the output may take to accept what is left when the program is interrupted. */
const EXIT_LIMIT_MS = 1_000;

/** For the live screen, which shows the health itself. */
const SILENT: Logger = { ...LOGGER, warn: () => {}, error: () => {} };

if (import.meta.main) void main(Deno.args);

async function main(args: readonly string[]): Promise<void> {
  try {
    const options = parseOptions(args);
    const output = new Output();
    if (options.print !== null) {
      await output.write(options.print === "help" ? HELP : `${VERSION}\n`);
    } else await watch(options, output);
  } catch (error) {
    LOGGER.error(error instanceof Error ? error.message : String(error));
    if (error instanceof UsageError) console.error("Run with --help to list the options");
    Deno.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

async function watch(options: WatchOptions, output: Output): Promise<void> {
  if (options.output === "live" && !output.isTerminal) {
    throw new UsageError("The option --live needs a terminal");
  }
  const view: View = {
    style: createStyle(output.isColourful),
    get columns() {
      return output.size?.columns ?? null;
    },
    time: options.iso ? formatIso : formatTime,
    dateTime: options.iso ? formatIso : formatDateTime,
    shows: options.shows,
  };
  await using monitor = await openMonitor(options);
  using interrupt = new Interrupt();
  const signal = AbortSignal.any([interrupt.signal, output.closed]);
  const exit = () => Deno.unrefTimer(setTimeout(() => Deno.exit(), EXIT_LIMIT_MS));
  interrupt.signal.addEventListener("abort", exit);
  await show(
    monitor,
    { ...options, subscription: { ...options.subscription, signal } },
    output,
    view,
  );
  if (!options.stats) return;
  const isJson = options.output.startsWith("json");
  const style = isJson ? createStyle(false) : view.style;
  const stats = formatStats(monitor.health, monitor.metrics, { ...view, style });
  if (isJson) console.error(stats.trimEnd());
  else await output.write(`\n${stats}`);
}

/** The monitor checks its options itself. */
async function openMonitor({ monitor, output }: WatchOptions): Promise<NetworkMonitor> {
  try {
    return await NetworkMonitor.open({ ...monitor, logger: output === "live" ? SILENT : LOGGER });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    error.message = error.message.replace("option libc", "option --libc");
    throw error instanceof TypeError ? new UsageError(error.message, { cause: error }) : error;
  }
}

/** Shows each snapshot until the signal of the subscription is aborted. */
async function show(
  monitor: NetworkMonitor,
  options: WatchOptions,
  output: Output,
  view: View,
): Promise<void> {
  await using screen = options.output === "live" ? new LiveScreen(monitor, output, view) : null;
  let previous: State | null = null;
  let hasPrinted = false; // with --json=changes the first snapshot prints nothing
  for await (const snapshot of monitor.snapshots(options.subscription)) {
    if (screen !== null) await screen.show(snapshot);
    else {
      const text = format(snapshot, previous, monitor.health, options, view);
      const waits = !hasPrinted && text !== "" && !options.once && !output.isTerminal;
      await (waits ? output.writeFirst(text) : output.write(text));
      hasPrinted ||= text !== "";
    }
    if (options.once) break;
    previous = snapshot.state;
  }
}

/** Formats the first snapshot as a table and the changes of the others as news, or each as JSON. */
function format(
  snapshot: Snapshot,
  previous: State | null,
  health: Health,
  options: WatchOptions,
  view: View,
): string {
  if (options.output === "json") return jsonLine(snapshot);
  if (options.output === "json-changes") return changeLines(snapshot, view.shows);
  if (previous !== null) return formatNews(snapshot, previous, view);
  const table = formatTable(snapshot, health, view);
  if (options.once) return table;
  return table + (view.columns === null ? "\n" : view.style.dim("\nPress Ctrl-C to stop.\n\n"));
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
