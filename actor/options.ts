/**
 * The options of a monitor and of a subscription: their meaning, defaults and limits.
 *
 * @module
 */
import type { Clock, Logger } from "../state/runtime.ts";
import type { NetworkSource } from "../state/source.ts";
import type { Interface } from "../state/types.ts";
import { LONGEST_TIMER_MS, systemClock } from "./clock.ts";
import { guardLogger, IgnoredInterfaces, valueText } from "./user_code.ts";

/**
 * Where the network is watched: what the operating system has, one way of it, or a source of your
 * own.
 */
export type SourceOption = "auto" | "events" | "polling" | NetworkSource;

/**
 * How to open a monitor. Milliseconds are integers from 1 (`coalesceMs`: from 0) to 2147483647;
 * anything else is a RangeError.
 */
export interface MonitorOptions {
  /**
   * Closes the monitor when aborted. Already aborted: opening rejects with its reason and opens
   * nothing.
   */
  signal?: AbortSignal;
  /**
   * How often the state is compared with the truth and the socket has to answer its canary.
   * `Infinity`: never.
   *
   * @default {15_000}
   */
  reconcileIntervalMs?: number;
  /**
   * The least time between two publications.
   *
   * @default {250}
   */
  coalesceMs?: number;
  /**
   * `"events"`: what the operating system announces; `"polling"`: `Deno.networkInterfaces()`;
   * `"auto"`: events where they can be had, else polling with the reason in `health`; or a source
   * of your own.
   *
   * @default {"auto"}
   */
  source?: SourceOption;
  /**
   * How often the polling source looks.
   *
   * @default {5_000}
   */
  pollingIntervalMs?: number;
  /** The absolute path of the C library, for a system where it is found nowhere else. */
  libc?: string;
  /**
   * The receive buffer of the event socket, in bytes. The default is 1 MiB on Linux and 256 KiB on
   * BSDs.
   */
  receiveBufferBytes?: number;
  /**
   * Leaves interfaces out of major decisions, such as those of containers. A predicate that throws
   * is logged once and counts as false.
   */
  ignoreInterface?: (nic: Interface) => boolean;
  /**
   * False: the monitor does not keep the process alive, as after `unref()`.
   *
   * @default {true}
   */
  persistent?: boolean;
  /** Where the monitor writes its log. The default is the logger `netwatch` of `@std/log`. */
  logger?: Logger;
  /** Where the monitor takes its time from, for tests. The default is the time of the system. */
  clock?: Clock;
}

/** How to subscribe. Milliseconds as in `MonitorOptions`; `settleMs` from 0. */
export interface SnapshotOptions {
  /** Ends the stream, without an error, when aborted. */
  signal?: AbortSignal;
  /**
   * The current snapshot comes first, at once.
   *
   * @default {true}
   */
  initial?: boolean;
  /**
   * Only what is major is delivered: what a program with open connections has to act on.
   *
   * @default {false}
   */
  majorOnly?: boolean;
  /**
   * Holds a snapshot back until nothing that the subscriber would be told has changed for so long.
   *
   * @default {0}
   */
  settleMs?: number;
  /**
   * Delivers at the latest so long after the first undelivered change. The default is 4 times
   * `settleMs`.
   */
  settleMaxMs?: number;
}

/** How to read once. */
export interface ReadOptions {
  /** Rejects the read with its reason when aborted. */
  signal?: AbortSignal;
  /**
   * As in `MonitorOptions`.
   *
   * @default {"auto"}
   */
  source?: SourceOption;
  /** As in `MonitorOptions`. */
  libc?: string;
}

/** The options of a monitor, checked and complete. */
export interface ResolvedOptions {
  /** Closes the monitor when aborted. */
  readonly signal: AbortSignal | null;
  /** Milliseconds between two reconciles, or Infinity. */
  readonly reconcileIntervalMs: number;
  /** Least milliseconds between two publications. */
  readonly coalesceMs: number;
  /** Which source to open. */
  readonly source: SourceOption;
  /** Milliseconds between two looks of the polling source. */
  readonly pollingIntervalMs: number;
  /** Absolute path of the C library; null where the usual ones are to be tried. */
  readonly libc: string | null;
  /** Bytes of the receive buffer; null where the source decides. */
  readonly receiveBufferBytes: number | null;
  /** Null without the option `ignoreInterface`. */
  readonly ignored: IgnoredInterfaces | null;
  /** Keeps the process alive. */
  readonly persistent: boolean;
  /** Never throws. */
  readonly logger: Logger;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** The options of a subscription, checked and complete. */
export interface ResolvedSnapshotOptions {
  /** Ends the stream when aborted. */
  readonly signal: AbortSignal | null;
  /** The current snapshot first. */
  readonly initial: boolean;
  /** Only what is major. */
  readonly majorOnly: boolean;
  /** Milliseconds of quiet before a delivery. */
  readonly settleMs: number;
  /** Milliseconds from the first undelivered change to its delivery, at most. */
  readonly settleMaxMs: number;
}

/** The options of a one-shot read, checked and complete. */
export interface ResolvedReadOptions {
  /** Rejects the read when aborted. */
  readonly signal: AbortSignal | null;
  /** Which source to open. */
  readonly source: SourceOption;
  /** Absolute path of the C library; null where the usual ones are to be tried. */
  readonly libc: string | null;
}

/**
 * Checks the options of a monitor and fills in the defaults.
 *
 * @throws {RangeError} When a number is out of range; the message names the option.
 * @throws {TypeError} When a value is of the wrong type, or no known source, or not an absolute
 * path.
 */
export function resolveMonitorOptions(options: MonitorOptions = {}): ResolvedOptions {
  checkObject(options);
  const logger = guardLogger(methods("logger", options.logger, ["debug", "info", "warn", "error"]));
  const ignore = optional("ignoreInterface", options.ignoreInterface, "a function", isFunction);
  return {
    ...resolveReadOptions(options),
    reconcileIntervalMs: options.reconcileIntervalMs === Infinity
      ? Infinity
      : integer("reconcileIntervalMs", options.reconcileIntervalMs, 1, " or Infinity") ?? 15_000,
    coalesceMs: integer("coalesceMs", options.coalesceMs, 0) ?? 250,
    pollingIntervalMs: integer("pollingIntervalMs", options.pollingIntervalMs, 1) ?? 5_000,
    receiveBufferBytes: integer("receiveBufferBytes", options.receiveBufferBytes, 1) ?? null,
    ignored: ignore === undefined ? null : new IgnoredInterfaces(ignore, logger),
    persistent: boolean("persistent", options.persistent) ?? true,
    logger,
    clock: methods("clock", options.clock, ["now", "monotonic", "setTimeout", "setInterval"]) ??
      systemClock,
  };
}

/**
 * Checks the options of a subscription and fills in the defaults.
 *
 * @throws {RangeError} When a number is out of range; the message names the option.
 * @throws {TypeError} When a value is of the wrong type.
 */
export function resolveSnapshotOptions(options: SnapshotOptions = {}): ResolvedSnapshotOptions {
  checkObject(options);
  const settleMs = integer("settleMs", options.settleMs, 0) ?? 0;
  return {
    signal: resolveSignal(options.signal),
    initial: boolean("initial", options.initial) ?? true,
    majorOnly: boolean("majorOnly", options.majorOnly) ?? false,
    settleMs,
    settleMaxMs: integer("settleMaxMs", options.settleMaxMs, 1) ??
      Math.min(4 * settleMs, LONGEST_TIMER_MS),
  };
}

/**
 * Checks the options of a one-shot read and fills in the defaults.
 *
 * @throws {TypeError} When a value is of the wrong type, or no known source, or not an absolute
 * path.
 */
export function resolveReadOptions(options: ReadOptions = {}): ResolvedReadOptions {
  checkObject(options);
  return {
    signal: resolveSignal(options.signal),
    source: source(options.source) ?? "auto",
    libc: optional("libc", options.libc, "an absolute path", isAbsolutePath) ?? null,
  };
}

function integer(name: string, value: unknown, least: number, also = ""): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && value as number >= least && value as number <= LONGEST_TIMER_MS) {
    return value as number;
  }
  const range = `an integer from ${least} to ${LONGEST_TIMER_MS}${also}`;
  throw new RangeError(`The option ${name} must be ${range}, not ${valueText(value)}`);
}

function optional<T>(
  name: string,
  value: T | undefined,
  wanted: string,
  fits: (value: unknown) => boolean,
): T | undefined {
  if (value === undefined || fits(value)) return value;
  throw new TypeError(`The option ${name} must be ${wanted}, not ${valueText(value)}`);
}

function boolean(name: string, value: boolean | undefined): boolean | undefined {
  return optional(name, value, "true or false", (given) => typeof given === "boolean");
}

/**
 * Checks a signal.
 *
 * @throws {TypeError} When it is something else.
 */
export function resolveSignal(value: AbortSignal | undefined): AbortSignal | null {
  return optional("signal", value, "an AbortSignal", (given) => given instanceof AbortSignal) ??
    null;
}

/**
 * Checks the predicate of `waitFor()`.
 *
 * @throws {TypeError} if it is not a function.
 */
export function resolvePredicate<T>(value: (state: T) => boolean): (state: T) => boolean {
  if (isFunction(value)) return value;
  throw new TypeError(`The predicate must be a function, not ${valueText(value)}`);
}

function source(value: SourceOption | undefined): SourceOption | undefined {
  const wanted = '"auto", "events", "polling" or a NetworkSource';
  return optional("source", value, wanted, (given) => {
    if (typeof given === "string") return ["auto", "events", "polling"].includes(given);
    return hasMethods(given, ["subscribe", "read"]) &&
      typeof (given as Record<string, unknown>).name === "string";
  });
}

function methods<T>(name: string, value: T | undefined, names: string[]): T | undefined {
  const wanted = `an object with the methods ${names.join(", ")}`;
  return optional(name, value, wanted, (given) => hasMethods(given, names));
}

function hasMethods(value: unknown, names: string[]): boolean {
  return typeof value === "object" && value !== null &&
    names.every((name) => isFunction((value as Record<string, unknown>)[name]));
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

/**
 * `/usr/lib/libc.so.6`, `C:\Windows\System32\…` or `\\server\share`: whatever the operating
 * system.
 */
function isAbsolutePath(value: unknown): boolean {
  return typeof value === "string" && /^(?:\/|\\\\|[A-Za-z]:[\\/])/.test(value);
}

function checkObject(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`The options must be an object, not ${valueText(options)}`);
  }
}
