/**
 * A file descriptor of the simulated kernel: its queue and its receive buffer.
 *
 * @module
 */
import { concat } from "../support/bsd_encode.ts";

/** The kinds of descriptors: sockets, the pipe of a notification, the ends of our own pipe. */
export type DescriptorKind = "route" | "events" | "notify" | "reader" | "writer" | "inet6";

/** The default receive buffer (RAWRCVQ of xnu). */
const RECEIVE_BYTES = 8_192;
/** The capacity of a notification's pipe, beyond which notifyd closes its end. */
const PIPE_BYTES = 64;

/** A file descriptor. */
export class Descriptor {
  readonly kind: DescriptorKind;
  /** The reading end of the pipe that this is the writing end of. */
  readonly reader: Descriptor | null;
  /** In bytes. */
  capacity: number;
  /** Receives nothing any more, without an error. */
  stalled = false;
  /** SO_RERROR is set: an overflow is an error. */
  reportsOverflow = false;
  /** An overflow that has not been reported yet. */
  overflowed = false;
  /** The filter of kernel events is set. */
  filtered = false;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;

  constructor(kind: DescriptorKind, reader: Descriptor | null) {
    this.kind = kind;
    this.reader = reader;
    this.capacity = kind === "notify" ? PIPE_BYTES : RECEIVE_BYTES;
  }

  /** Whether poll(2) returns POLLIN. */
  get isReadable(): boolean {
    return this.#queued > 0 || this.overflowed;
  }

  /** Whether a message of this size fits. */
  hasRoom(bytes: number): boolean {
    return this.#queued + bytes <= this.capacity;
  }

  /** Queues a message. xnu ignores the result of sbappendaddr(): one that does not fit is dropped silently. */
  enqueue(message: Uint8Array): void {
    if (this.stalled) return;
    if (!this.hasRoom(message.length)) {
      this.overflowed ||= this.reportsOverflow;
      return;
    }
    this.#queue.push(message);
    this.#queued += message.length;
  }

  /** Takes one message, or as many as fit; a message longer than the buffer is cut. */
  receive(into: Uint8Array, merges: boolean): number | "overflow" | "empty" {
    if (this.overflowed) {
      this.overflowed = false;
      return "overflow";
    }
    if (this.#queue.length === 0) return "empty";
    const isPipe = this.kind === "notify" || this.kind === "reader";
    const most = merges || isPipe ? into.length : 0;
    const taken = [this.#queue.shift()!];
    let size = taken[0]!.length;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (size + next.length > most) break;
      taken.push(this.#queue.shift()!);
      size += next.length;
    }
    this.#queued -= size;
    into.set(concat(taken).subarray(0, into.length));
    return Math.min(size, into.length);
  }
}
