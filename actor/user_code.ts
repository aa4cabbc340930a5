// Guards around the user's logger and predicate: what they throw goes no further.
import { getLogger } from "@std/log/get-logger";
import type { Logger } from "../state/runtime.ts";
import { escapeText } from "../state/format.ts";
import type { Interface } from "../state/types.ts";

/**
 * A logger that never throws. The default is the logger `netwatch` of `@std/log`, looked up at every call:
 * `setup()` of `@std/log` replaces the loggers that it gave out before.
 */
export function guardLogger(logger: Logger | undefined): Logger {
  const write = (level: keyof Logger) => (message: string): void => {
    try {
      const target: Logger = logger ?? getLogger("netwatch");
      const written: unknown = target[level](message);
      if (written instanceof Promise) written.catch(() => {});
    } catch {
      // nowhere is left to report it
    }
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/**
 * A predicate that never throws and is called once for each interface object: `remember()` calls it, and the
 * decisions use the answers, so that none of the user's code runs while a snapshot is delivered. The first
 * error is logged, and each counts as false.
 */
export class IgnoredInterfaces {
  readonly #predicate: (nic: Interface) => boolean;
  readonly #logger: Logger;
  readonly #ignored = new WeakMap<Interface, boolean>();
  #reported = false;

  /** Errors of the predicate go to the logger. */
  constructor(predicate: (nic: Interface) => boolean, logger: Logger) {
    this.#predicate = predicate;
    this.#logger = logger;
  }

  /** Asks the predicate about interfaces that it has not seen yet. */
  remember(interfaces: readonly Interface[]): void {
    for (const nic of interfaces) {
      if (!this.#ignored.has(nic)) this.#ignored.set(nic, this.#ask(nic));
    }
  }

  /** The remembered answer; false if there is none. */
  readonly has = (nic: Interface): boolean => this.#ignored.get(nic) ?? false;

  #ask(nic: Interface): boolean {
    try {
      return Boolean(this.#predicate(nic));
    } catch (error) {
      if (!this.#reported) {
        this.#reported = true;
        this.#logger.error(
          `The option ignoreInterface threw and counts as false: ${errorText(error)}`,
        );
      }
      return false;
    }
  }
}

/** The message of what was thrown, safe to print. */
export function errorText(error: unknown): string {
  try {
    return escapeText(error instanceof Error ? error.message || error.name : String(error));
  } catch {
    return "An error that cannot be written";
  }
}

/** The value of an option for an error message: short, and safe to print. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return escapeText(JSON.stringify(value));
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  return escapeText(typeof value === "bigint" ? `${value}n` : String(value));
}
