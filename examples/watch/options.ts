/**
 * The options of the program.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { MonitorOptions, SnapshotOptions } from "../../mod.ts";

/** What `--help` prints. */
export const HELP = `Shows the network of this machine, then each change as it happens.

Usage: deno run --allow-ffi examples/watch.ts [options]

  --once         show the network and end
  --json         a snapshot a line, as JSON, and nothing else
  --major        only what matters to a program with open connections
  --settle MS    wait until nothing has changed for so long (default 0)
  --interval MS  how often the state is compared with the kernel's, or Infinity (default 15000)
  --polling      look every 5 seconds instead of listening; needs --allow-sys=networkInterfaces
  --libc PATH    the absolute path of the C library, where it is found nowhere else
  --stats        at the end, what the monitor has counted; on stderr with --json
  --help         this text

Ctrl-C and SIGTERM end it, a second one at once. So does a closed pipe, at the next line.
Exit code: 0 when it was ended, 1 when it failed (why is on stderr), 2 for a mistake in the options.
`;

/** The longest that a timer of the runtime can wait. */
const LONGEST_MS = 2_147_483_647;

/** What the program was asked to do. */
export interface WatchOptions {
  /** Print the help and nothing else. */
  readonly help: boolean;
  /** End after the first snapshot. */
  readonly once: boolean;
  /** JSON lines instead of text. */
  readonly json: boolean;
  /** Print the counters at the end. */
  readonly stats: boolean;
  /** How to open the monitor. */
  readonly monitor: MonitorOptions;
  /** How to subscribe. */
  readonly subscription: SnapshotOptions;
}

/** The program was called with an option that it does not have, or with a bad value. */
export class UsageError extends Error {
  /** Always `"UsageError"`. */
  override readonly name = "UsageError";
}

/**
 * Reads the options.
 *
 * @throws {UsageError} When one is unknown, misses its value, or has a bad one.
 */
export function parseOptions(args: readonly string[]): WatchOptions {
  const values = parse(args);
  const { help = false, once = false, json = false, stats = false } = values;
  const monitor: MonitorOptions = { source: values.polling ? "polling" : "auto" };
  const subscription: SnapshotOptions = { majorOnly: values.major ?? false };
  if (values.interval === "Infinity") monitor.reconcileIntervalMs = Infinity;
  else if (values.interval !== undefined) {
    monitor.reconcileIntervalMs = milliseconds("interval", values.interval, 1, " or Infinity");
  }
  if (values.settle !== undefined) {
    subscription.settleMs = milliseconds("settle", values.settle, 0);
  }
  if (values.libc !== undefined) monitor.libc = absolutePath("libc", values.libc);
  return { help, once, json, stats, monitor, subscription };
}

/** As they were given. */
interface Values {
  help?: boolean;
  once?: boolean;
  json?: boolean;
  stats?: boolean;
  major?: boolean;
  polling?: boolean;
  settle?: string;
  interval?: string;
  libc?: string;
}

function parse(args: readonly string[]): Values {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      strict: true,
      options: {
        help: { type: "boolean" },
        once: { type: "boolean" },
        json: { type: "boolean" },
        stats: { type: "boolean" },
        major: { type: "boolean" },
        polling: { type: "boolean" },
        settle: { type: "string" },
        interval: { type: "string" },
        libc: { type: "string" },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(reason.replaceAll("\n", " "), { cause: error });
  }
}

function milliseconds(option: string, value: string, least: number, also = ""): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && number <= LONGEST_MS) return number;
  throw new UsageError(
    `The option --${option} must be an integer from ${least} to ${LONGEST_MS}${also}, not '${value}'`,
  );
}

function absolutePath(option: string, value: string): string {
  if (value.startsWith("/")) return value;
  throw new UsageError(`The option --${option} must be an absolute path, not '${value}'`);
}
