/**
 * A logger as `@std/log` 0.224 makes it for a name that nobody has set up: without handlers, so
 * silent; it returns the message.
 *
 * @module
 */

// deno-lint-ignore no-explicit-any
type GenericFunction = (...args: any[]) => any;
type Message<T> = T extends GenericFunction ? never : T;

/** A logger without handlers. */
export class Logger {
  readonly #loggerName: string;
  /** What writes the messages: nothing. */
  readonly handlers: unknown[] = [];

  /** Makes a logger. */
  constructor(loggerName: string) {
    this.#loggerName = loggerName;
  }

  /** Its name. */
  get loggerName(): string {
    return this.#loggerName;
  }

  /** Level 10. */
  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  debug<T>(msg: Message<T>, ...args: unknown[]): T;
  debug<T>(msg: Message<T> | (() => T)): T | undefined {
    return answer(msg);
  }

  /** Level 20. */
  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  info<T>(msg: Message<T>, ...args: unknown[]): T;
  info<T>(msg: Message<T> | (() => T)): T | undefined {
    return answer(msg);
  }

  /** Level 30. */
  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  warn<T>(msg: Message<T>, ...args: unknown[]): T;
  warn<T>(msg: Message<T> | (() => T)): T | undefined {
    return answer(msg);
  }

  /** Level 40. */
  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  error<T>(msg: Message<T>, ...args: unknown[]): T;
  error<T>(msg: Message<T> | (() => T)): T | undefined {
    return answer(msg);
  }

  /** Level 50. */
  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  critical<T>(msg: Message<T>, ...args: unknown[]): T;
  critical<T>(msg: Message<T> | (() => T)): T | undefined {
    return answer(msg);
  }
}

/** Level NOTSET lets every message through, so a function is called even though nothing is logged. */
function answer<T>(msg: Message<T> | (() => T)): T {
  return msg instanceof Function ? msg() : msg;
}
