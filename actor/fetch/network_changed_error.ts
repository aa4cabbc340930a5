/**
 * The error of requests that the network cut off.
 *
 * @module
 */
import { formatReason } from "../../state/format.ts";
import type { Reason } from "../../state/types.ts";

/**
 * The network changed while a request was under way that is not repeated, or while its response was being read. Like
 * every network error of `fetch` it is a TypeError. The server may have acted on the request.
 */
export class NetworkChangedError extends TypeError {
  /** The name of the class. */
  override readonly name = "NetworkChangedError";
  /** What changed. */
  readonly reason: Reason;

  /** Creates the error. */
  constructor(reason: Reason) {
    super(`The network changed during the request: ${formatReason(reason)}`);
    this.reason = reason;
  }
}
