/**
 * Fences around code of the user: what it throws stays with it.
 *
 * @module
 */
import { getLogger } from "@std/log/get-logger";
import type { Logger } from "../state/runtime.ts";
import { escapeText } from "../state/format.ts";
import type { Interface } from "../state/types.ts";

/** Takes an interface out of major decisions when it answers true. */
export type IgnoreInterface = (nic: Interface) => boolean;

/**
 * A logger that never throws. Without one given, the logger `netwatch` of `@std/log` is asked for
 * at every call: `setup()` of `@std/log` replaces the loggers that it gave out before.
 */
export function guardLogger(logger: Logger | undefined): Logger {
  const write = (level: keyof Logger) => (message: string): void => {
    try {
      const target: Logger = logger ?? getLogger("netwatch");
      const written: unknown = target[level](message);
      if (written instanceof Promise) written.catch(() => {});
    } catch {
      // there is nowhere left to report it
    }
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/** A predicate that never throws: the first error is logged, each counts as false. */
export function guardIgnoreInterface(
  ignore: IgnoreInterface | undefined,
  logger: Logger,
): IgnoreInterface {
  if (ignore === undefined) return () => false;
  let reported = false;
  return (nic) => {
    try {
      return Boolean(ignore(nic));
    } catch (error) {
      if (!reported) {
        reported = true;
        logger.error(`The option ignoreInterface threw and counts as false: ${errorText(error)}`);
      }
      return false;
    }
  };
}

/** What was thrown, in words that are safe to print. */
export function errorText(error: unknown): string {
  try {
    return escapeText(error instanceof Error ? error.message || error.name : String(error));
  } catch {
    return "An error that cannot be written";
  }
}

/** What was given for an option, for an error message: short, and safe to print. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return escapeText(JSON.stringify(value));
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  return escapeText(typeof value === "bigint" ? `${value}n` : String(value));
}
