// The options of a monitor, a subscription and a one-shot read: meaning, defaults and limits, and guards that catch
// what the user's logger and predicate throw.
import { getLogger } from "@std/log/get-logger";
import { affecting, type LocalAddress } from "../state/impact.ts";
import { errorText, escapeText } from "../state/format.ts";
import type { Clock, Logger, NetworkSource } from "../state/ports.ts";
import type { Interface, State } from "../state/types.ts";
import { LONGEST_TIMER_MS, systemClock } from "./clock.ts";

/**
 * Where snapshots come from. `"events"`: the event source of the operating system. `"polling"`:
 * `Deno.networkInterfaces()` at an interval. `"auto"`: events, or polling if they are not available, with the
 * reason in `health`. An object: a source of your own.
 */
export type SourceOption = "auto" | "events" | "polling" | NetworkSource;

/** How to open a monitor. Milliseconds are integers from 1 (`coalesceMs`: 0) to 2,147,483,647, else a RangeError. */
export interface MonitorOptions {
  /** Closes the monitor when aborted. If it is aborted already, nothing is opened. */
  signal?: AbortSignal;
  /**
   * Milliseconds between two comparisons with the kernel's state, each with a canary on the event socket; 15,000 by
   * default. `Infinity` turns off both. The read of a comparison may take that long, but at most 5 seconds.
   */
  reconcileIntervalMs?: number;
  /**
   * The least time between two publications, in milliseconds; 250 by default. The initial snapshot is the first one,
   * so a change right after `open()` waits; a change after a quiet window is published at once. Changes that
   * appear and disappear within that time are not reported.
   */
  coalesceMs?: number;
  /** Where snapshots come from; `"auto"` by default. */
  source?: SourceOption;
  /** Milliseconds between two readings of the polling source; 5,000 by default. */
  pollingIntervalMs?: number;
  /** The absolute path of the C library, if it is not in one of the usual places. No effect on Windows. */
  libc?: string;
  /**
   * The receive buffer of the event socket, in bytes. The default is 1 MiB on Linux, 256 KiB on macOS and FreeBSD.
   * Linux limits it to `net.core.rmem_max` without CAP_NET_ADMIN. No effect on Windows.
   */
  receiveBufferBytes?: number;
  /** Logs each kernel message, decoded (on Windows: its name), as one line at level `debug`; false by default. */
  trace?: boolean;
  /**
   * Returns true for interfaces whose changes are never major, such as those of containers. It is called once for
   * each interface object. Its first error is logged; every error counts as false.
   */
  ignoreInterface?: (nic: Interface) => boolean;
  /** Whether the monitor keeps the process alive, as it does by default; `ref()` and `unref()` change it. */
  persistent?: boolean;
  /** Receives the log. The default is the logger `netwatch` of `@std/log`. */
  logger?: Logger;
  /** The clocks and timers, for tests. The default is those of the system. */
  clock?: Clock;
}

/** How to subscribe. Milliseconds are integers from 0 (`settleMaxMs`: from 1) to 2,147,483,647. */
export interface SnapshotOptions {
  /** Ends the stream, without an error, when aborted. */
  signal?: AbortSignal;
  /** Whether the current snapshot is delivered first, at once; true by default. */
  initial?: boolean;
  /** Delivers only what a program with open connections must act on: major changes and wake-ups; false by default. */
  majorOnly?: boolean;
  /**
   * Delivers a snapshot only if `affects()` is true for this local address, such as `listener.addr`, compared with
   * the last delivery. The address is fixed for the stream, which does not report that a better one appeared.
   */
  affects?: LocalAddress;
  /** Holds a snapshot back until this many milliseconds passed without a change to deliver; 0 by default. */
  settleMs?: number;
  /** The longest time that a change is held back, in milliseconds; 4 times `settleMs` by default. */
  settleMaxMs?: number;
}

/** How to read once. */
export interface ReadOptions extends Pick<MonitorOptions, "source" | "libc"> {
  /** Ends the read when aborted: it rejects with the reason. */
  signal?: AbortSignal;
}

export type ResolvedOptions = Readonly<ReturnType<typeof resolveMonitorOptions>>;
export type ResolvedSnapshotOptions = Readonly<ReturnType<typeof resolveSnapshotOptions>>;

/** Checks the options of a monitor and fills in the defaults. Throws RangeError or TypeError, which name the option. */
export function resolveMonitorOptions(options: MonitorOptions = {}) {
  const common = resolveReadOptions(options);
  const logger = guardLogger(options.logger);
  const ignores = optional("ignoreInterface", options.ignoreInterface, "a function", isFunction);
  return withCheckedNames(options, {
    ...common,
    reconcileIntervalMs: options.reconcileIntervalMs === Infinity
      ? Infinity
      : integer("reconcileIntervalMs", options.reconcileIntervalMs, 1, " or Infinity") ?? 15_000,
    coalesceMs: integer("coalesceMs", options.coalesceMs, 0) ?? 250,
    pollingIntervalMs: integer("pollingIntervalMs", options.pollingIntervalMs, 1) ?? 5_000,
    receiveBufferBytes: integer("receiveBufferBytes", options.receiveBufferBytes, 1),
    ignoreInterface: ignores === undefined ? null : guardPredicate(ignores, logger),
    trace: boolean("trace", options.trace) ?? false,
    persistent: boolean("persistent", options.persistent) ?? true,
    logger,
    clock: resolveClock(options.clock),
  });
}

/** Checks the options of a one-shot read and fills in the defaults. Throws the same errors. */
export function resolveReadOptions(options: ReadOptions = {}) {
  checkObject(options);
  return withCheckedNames(options, {
    signal: resolveSignal(options.signal),
    source: optional("source", options.source, SOURCES, isSource) ?? "auto",
    libc: optional("libc", options.libc, "an absolute path", isAbsolutePath),
  });
}

/** Checks the options of a subscription and fills in the defaults. Throws the same errors. */
export function resolveSnapshotOptions(options: SnapshotOptions = {}) {
  checkObject(options);
  const { affects, initial, majorOnly, settleMaxMs, signal } = options;
  const settleMs = integer("settleMs", options.settleMs, 0) ?? 0;
  return withCheckedNames(options, {
    signal: resolveSignal(signal),
    initial: boolean("initial", initial) ?? true,
    majorOnly: boolean("majorOnly", majorOnly) ?? false,
    affects: affects === undefined ? null : localAddress(affects),
    settleMs,
    settleMaxMs: integer("settleMaxMs", settleMaxMs, 1) ?? Math.min(4 * settleMs, LONGEST_TIMER_MS),
  });
}

/**
 * Returns the resolved options, which have every known name. A given name that is close to one of them is misspelt;
 * any other unknown name is the caller's own, or of a later version.
 */
export function withCheckedNames<T extends object>(options: object, resolved: T): T {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(resolved, name)) continue;
    const meant = Object.keys(resolved).find((known) => isNear(known, name));
    if (meant) throw new TypeError(`The option ${valueText(name)} does not exist: use ${meant}`);
  }
  return resolved;
}

/** Whether two names begin alike and differ in a single place, by up to two letters; short ones by one. */
function isNear(a: string, b: string): boolean {
  if (a[0]?.toLowerCase() !== b[0]?.toLowerCase()) return false;
  const longest = Math.max(a.length, b.length);
  let same = 0;
  while (same < longest && a[same] === b[same]) same++;
  for (let i = 1; same < longest && a.at(-i) === b.at(-i); i++) same++;
  return same >= longest - (longest > 5 ? 2 : 1);
}

function resolveSignal(value: AbortSignal | undefined): AbortSignal | null {
  return optional("signal", value, "an AbortSignal", (it) => it instanceof AbortSignal) ?? null;
}

export function resolveClock(value: Clock | undefined): Clock {
  return methods("clock", value, ["now", "monotonic", "setTimeout", "setInterval"]) ?? systemClock;
}

export function integer(name: string, value: unknown, least: number, also = "") {
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && value as number >= least && value as number <= LONGEST_TIMER_MS) {
    return value as number;
  }
  const range = `an integer from ${least} to ${LONGEST_TIMER_MS}${also}`;
  throw new RangeError(`The option ${name} must be ${range}, not ${valueText(value)}`);
}

export function optional<T>(
  name: string,
  value: T | undefined,
  wanted: string,
  fits: (value: unknown) => boolean,
): T | undefined {
  if (value === undefined || fits(value)) return value;
  throw new TypeError(`The option ${name} must be ${wanted}, not ${valueText(value)}`);
}

export function checkObject(options: unknown): void {
  if (typeof options === "object" && options !== null && !(options instanceof AbortSignal)) return;
  throw new TypeError(`The options must be an object, not ${valueText(options)}`);
}

function boolean(name: string, value: boolean | undefined): boolean | undefined {
  return optional(name, value, "true or false", (it) => typeof it === "boolean");
}

const SOURCES = '"auto", "events", "polling" or a NetworkSource';

function isSource(value: unknown): boolean {
  if (typeof value === "string") return ["auto", "events", "polling"].includes(value);
  return hasMethods(value, ["subscribe", "read"]) &&
    typeof (value as Partial<NetworkSource>).name === "string";
}

function localAddress(value: LocalAddress): (previous: State, next: State) => boolean {
  try {
    return affecting(value);
  } catch (error) {
    throw new TypeError(`The option affects must be a local address: ${errorText(error)}`);
  }
}

function methods<T>(name: string, value: T | undefined, names: readonly string[]): T | undefined {
  const wanted = `an object with the methods ${names.join(", ")}`;
  return optional(name, value, wanted, (given) => hasMethods(given, names));
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  return typeof value === "object" && value !== null &&
    names.every((name) => isFunction((value as Record<string, unknown>)[name]));
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

/** `/usr/lib/libc.so.6`, `C:\Windows\System32\...` or `\\server\share`, on every operating system. */
function isAbsolutePath(value: unknown): boolean {
  return typeof value === "string" && /^(?:\/|\\\\|[A-Za-z]:[\\/])/.test(value);
}

/** The value of an option for an error message: short, and safe to print. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return escapeText(JSON.stringify(value));
  if (typeof value === "function") return "a function";
  if (value instanceof AbortSignal) return "an AbortSignal";
  if (typeof value === "object" && value !== null) return "an object";
  return escapeText(typeof value === "bigint" ? `${value}n` : String(value));
}

/**
 * A logger that never throws. The default is the logger `netwatch` of `@std/log`, looked up at every call: `setup()`
 * of `@std/log` replaces the loggers that were returned before. Without a handler, no text is made for it.
 */
export function guardLogger(value: Logger | undefined) {
  const logger = methods("logger", value, ["debug", "info", "warn", "error"]);
  const write = (level: keyof Logger) => (message: string | (() => string)): void => {
    try {
      const target: Logger & { handlers?: unknown[] } = logger ?? getLogger("netwatch");
      if (logger === undefined && target.handlers?.length === 0) return;
      const written: unknown = target[level](typeof message === "string" ? message : message());
      if (written instanceof Promise) written.catch(() => {});
    } catch {
      // nowhere is left to report it
    }
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/**
 * A predicate that never throws and is called once for each interface object: `remember()` calls it, and the
 * decisions use the answers, so that no user code runs while a snapshot is delivered. The first error is logged;
 * every error counts as false.
 */
export function guardPredicate(predicate: (nic: Interface) => boolean, logger: Logger) {
  const answers = new WeakMap<Interface, boolean>();
  let hasThrown = false;
  const ask = (nic: Interface): boolean => {
    try {
      return Boolean(predicate(nic));
    } catch (error) {
      if (hasThrown) return false;
      hasThrown = true;
      logger.error(`The option ignoreInterface threw, which counts as false: ${errorText(error)}`);
      return false;
    }
  };
  return {
    remember(interfaces: readonly Interface[]): void {
      for (const nic of interfaces) if (!answers.has(nic)) answers.set(nic, ask(nic));
    },
    has: (nic: Interface): boolean => answers.get(nic) ?? false,
  };
}
