/**
 * The command-line options of the program.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { MonitorOptions, SnapshotOptions } from "../../mod.ts";

/** The longest delay of a timer: setTimeout() takes a signed 32-bit integer. */
const LONGEST_MS = 2_147_483_647;
const UNITS_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The parsed options. */
export interface WatchOptions {
  /** Print this instead of watching. */
  readonly print: "help" | "version" | null;
  /** Exit after the first snapshot. */
  readonly once: boolean;
  /** What each snapshot becomes. */
  readonly output: "text" | "live" | "json" | "json-changes";
  /** Print ISO times in UTC instead of the local time of day. */
  readonly iso: boolean;
  /** Print the monitor's counters at the end. */
  readonly stats: boolean;
  /** Whether to show the interface of this name. */
  readonly shows: (name: string) => boolean;
  /** Options of the monitor. */
  readonly monitor: MonitorOptions;
  /** Options of the subscription. */
  readonly subscription: SnapshotOptions;
}

/** Thrown if an option is unknown or has an invalid value. */
export class UsageError extends Error {
  /** Distinguishes it from other errors. */
  override readonly name = "UsageError";
}

/**
 * Parses the command line. The monitor checks the path of `--libc`.
 *
 * @param args The arguments, without the program's name.
 * @throws {UsageError} if an option is unknown or its value is missing or invalid.
 */
export function parseOptions(args: readonly string[]): WatchOptions {
  const { positionals, values } = parse(args);
  const { iso = false, live = false, once = false, stats = false } = values;
  const [json, changes] = [values.json ?? false, values["json-changes"] ?? false];
  if (live && (json || changes || once)) {
    throw new UsageError("The option --live cannot be combined with --json or --once");
  }
  if (once && changes) {
    throw new UsageError("The option --once prints a state, and --json=changes none: use --json");
  }
  if (json && !changes && positionals.length > 0) {
    throw new UsageError(
      "A state of --json has all interfaces: use --json=changes, or select with jq",
    );
  }
  const monitor: MonitorOptions = { source: values.polling ? "polling" : "auto" };
  const subscription: SnapshotOptions = { majorOnly: values.major ?? false };
  if (values.interval === "Infinity") monitor.reconcileIntervalMs = Infinity;
  else if (values.interval !== undefined) {
    monitor.reconcileIntervalMs = duration("interval", values.interval, 1, ", or Infinity");
  }
  if (values.settle !== undefined) subscription.settleMs = duration("settle", values.settle, 0);
  if (values.libc !== undefined) monitor.libc = values.libc;
  const isIgnored = matcher(values.ignore ?? []);
  if (values.ignore !== undefined) monitor.ignoreInterface = ({ name }) => isIgnored(name);
  const isNamed = positionals.length === 0 ? () => true : matcher(positionals);
  return {
    print: values.help ? "help" : values.version ? "version" : null,
    once,
    output: live ? "live" : changes ? "json-changes" : json ? "json" : "text",
    iso,
    stats,
    shows: (name) => isNamed(name) && !isIgnored(name),
    monitor,
    subscription,
  };
}

function parse(args: readonly string[]) {
  try {
    const other = args.find((arg) => arg.startsWith("--json=") && arg !== "--json=changes");
    if (other !== undefined) throw new Error(`Use --json or --json=changes, not '${other}'`);
    return parseArgs({
      // an option of parseArgs() either has a value or has none
      args: args.map((arg) => arg === "--json=changes" ? "--json-changes" : arg),
      allowPositionals: true,
      strict: true,
      options: {
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
        once: { type: "boolean" },
        live: { type: "boolean" },
        json: { type: "boolean" },
        "json-changes": { type: "boolean" },
        iso: { type: "boolean" },
        stats: { type: "boolean" },
        major: { type: "boolean" },
        polling: { type: "boolean" },
        ignore: { type: "string", multiple: true },
        settle: { type: "string" },
        interval: { type: "string" },
        libc: { type: "string" },
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(reason.split(". To specify a positional")[0]!.replaceAll("\n", " "), {
      cause: error,
    });
  }
}

/** Whether one of the patterns matches the whole name. */
function matcher(patterns: readonly string[]): (name: string) => boolean {
  const escaped = patterns.map((pattern) => pattern.split("*").map(RegExp.escape).join(".*"));
  const expression = new RegExp(`^(${escaped.join("|")})$`, "s");
  return (name) => patterns.length > 0 && expression.test(name);
}

function duration(option: string, value: string, least: number, also = ""): number {
  const [, digits, unit = "ms"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value) ?? [];
  const ms = Math.round(Number(digits) * UNITS_MS[unit]!);
  if (ms >= least && ms <= LONGEST_MS) return ms;
  throw new UsageError(
    `The option --${option} takes a time such as 250ms or 5s, from ${least} to ${LONGEST_MS} ms` +
      `${also}, not '${value}'`,
  );
}
