/**
 * The command-line options of the program.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { MonitorOptions, SnapshotOptions } from "../../mod.ts";

/** The output of `--help`. */
export const HELP = `Shows this machine's network, then prints each change as it happens.

Usage: deno run --allow-ffi examples/watch.ts [options]

Options:
  --once         show the network and exit
  --json         print each snapshot as one line of JSON
  --major        print major changes only: the ones that matter to a program
                 with open connections
  --settle MS    print changes when the network has been quiet for MS
                 milliseconds (default 0)
  --interval MS  compare the state with the kernel's every MS milliseconds, or
                 never if Infinity (default 15000)
  --polling      read the state every 5 seconds instead of listening for events
  --libc PATH    absolute path of the C library, if it is not in one of the
                 usual places
  --stats        print the monitor's counters at the end; with --json, on
                 standard error
  --help         print this help

Permissions:
  --allow-ffi                     listen for events
  --allow-ffi=PATH                the same, with access to the C library only
  --allow-sys=networkInterfaces   read names and addresses by polling

Usual paths of the C library:
  /lib/x86_64-linux-gnu/libc.so.6    Debian, Ubuntu
  /lib/aarch64-linux-gnu/libc.so.6   Debian, Ubuntu on ARM
  /lib64/libc.so.6                   Fedora, RHEL, SUSE
  /usr/lib/libc.so.6                 Arch
  /usr/local/lib/libc.so.6           the Docker image denoland/deno:alpine
  /lib/ld-musl-x86_64.so.1           Alpine, with a Deno that is built for musl
  /usr/lib/libSystem.B.dylib         macOS
  /lib/libc.so.7                     FreeBSD

Ctrl-C and SIGTERM stop the program; a second one kills it. It also stops when
its output is a pipe and the reader has closed it.

Exit status: 0 if stopped or done, 1 on failure (standard error has the reason),
2 if an option is invalid.
`;

/** The longest delay of a timer: setTimeout() takes a signed 32-bit integer. */
const LONGEST_MS = 2_147_483_647;

/** The parsed options. */
export interface WatchOptions {
  /** Print the help and exit. */
  readonly help: boolean;
  /** Exit after the first snapshot. */
  readonly once: boolean;
  /** Print JSON lines instead of text. */
  readonly json: boolean;
  /** Print the monitor's counters at the end. */
  readonly stats: boolean;
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
 * @throws {UsageError} if an option is unknown or its value is missing or invalid
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
  if (values.libc !== undefined) monitor.libc = values.libc;
  return { help, once, json, stats, monitor, subscription };
}

/** The values as text. */
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
