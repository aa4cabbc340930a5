/**
 * The errors that a caller may want to tell apart. A missing permission is `Deno.errors.NotCapable`
 * and a bad option is a TypeError or a RangeError: those classes exist already.
 *
 * @module
 */

/** Thrown by `refresh()` and `waitFor()` of a monitor that is closed, or that closes meanwhile. */
export class MonitorClosedError extends Error {
  /** Always `"MonitorClosedError"`. */
  override readonly name = "MonitorClosedError";

  /** Makes the error; the message says what to do. */
  constructor() {
    super("The monitor is closed: open another one with NetworkMonitor.open()");
  }
}

/** A function of the operating system failed. */
export class SystemCallError extends Error {
  /** Always `"SystemCallError"`. */
  override readonly name = "SystemCallError";
  /** What failed, such as `"bind"` or `"RTM_GETLINK dump"`. */
  readonly operation: string;
  /** The operating system's error number; 0 where it gave none. */
  readonly code: number;
  /** The symbolic name of the code, such as `"EPERM"`; `"E?"` and the number where it is not known. */
  readonly codeName: string;

  /** Makes the error out of the failed operation and what the system answered. */
  constructor(
    operation: string,
    code: number,
    codeName: string,
    options?: ErrorOptions & { detail?: string },
  ) {
    const detail = options?.detail ? `: ${options.detail}` : "";
    super(`${operation} failed with ${codeName} (${code})${detail}`, options);
    this.operation = operation;
    this.code = code;
    this.codeName = codeName;
  }
}

/** Bytes of the operating system could not be understood. */
export class DecodeError extends Error {
  /** Always `"DecodeError"`. */
  override readonly name = "DecodeError";
  /** What was being read, such as `"nlmsghdr"`. */
  readonly what: string;
  /** Where in the buffer, in bytes from its start. */
  readonly offset: number;

  /** Makes the error out of what was read and where. */
  constructor(what: string, offset: number, options?: ErrorOptions) {
    super(`Cannot decode ${what} at byte ${offset}`, options);
    this.what = what;
    this.offset = offset;
  }
}
