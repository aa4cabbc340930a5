/**
 * Errors that a caller may want to catch by class. A missing permission is `Deno.errors.NotCapable`, a bad
 * option a TypeError or RangeError.
 *
 * @module
 */

/** `refresh()` and `waitFor()` reject with this if the monitor is closed or closes before they resolve. */
export class MonitorClosedError extends Error {
  /** The name of the class. */
  override readonly name = "MonitorClosedError";

  /** Creates the error. */
  constructor() {
    super("The monitor is closed: open another one with NetworkMonitor.open()");
  }
}

/** A call into the operating system failed. */
export class SystemCallError extends Error {
  /** The name of the class. */
  override readonly name = "SystemCallError";
  /** The operation, such as `"bind"` or `"RTM_GETLINK dump"`. */
  readonly operation: string;
  /** The system's error number; 0 if it gave none. */
  readonly code: number;
  /** The name of the code, such as `"EPERM"`; `"E?"` if it is not known. */
  readonly codeName: string;

  /** Creates the error from the operation and the system's answer. */
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

/** Bytes from the operating system could not be decoded. */
export class DecodeError extends Error {
  /** The name of the class. */
  override readonly name = "DecodeError";
  /** The structure, such as `"nlmsghdr"`. */
  readonly what: string;
  /** The offset in the buffer, in bytes. */
  readonly offset: number;

  /** Creates the error from the structure and its offset. */
  constructor(what: string, offset: number, options?: ErrorOptions) {
    super(`Cannot decode ${what} at byte ${offset}`, options);
    this.what = what;
    this.offset = offset;
  }
}
