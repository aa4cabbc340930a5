/**
 * A file descriptor of the simulated kernel: what is queued in it, and how much there is room for.
 *
 * @module
 */
import { concat } from "../support/bsd_encode.ts";

/** What a descriptor is of. */
export type DescriptorKind = "route" | "events" | "notify" | "reader" | "writer" | "inet6";

/** What a socket holds unless told otherwise (RAWRCVQ of xnu). */
const RECEIVE_BYTES = 8_192;
/** What the pipe of a notification holds before the other side gives up on it. */
const PIPE_BYTES = 64;

/** A file descriptor. */
export class Descriptor {
  /** What it is of. */
  readonly kind: DescriptorKind;
  /** Of the writing end of a pipe: the reading one. */
  readonly reader: Descriptor | null;
  /** What there is room for. */
  capacity: number;
  /** Hears nothing any more, and says nothing about it. */
  stalled = false;
  /** FreeBSD with SO_RERROR: an overflow is told. */
  reportsOverflow = false;
  /** Something was dropped, and will be told. */
  overflowed = false;
  /** The filter of kernel events was set. */
  filtered = false;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;

  /** Empty. */
  constructor(kind: DescriptorKind, reader: Descriptor | null) {
    this.kind = kind;
    this.reader = reader;
    this.capacity = kind === "notify" ? PIPE_BYTES : RECEIVE_BYTES;
  }

  /** A poll would say so. */
  get isReadable(): boolean {
    return this.#queued > 0 || this.overflowed;
  }

  /** Whether so much more fits. */
  hasRoom(bytes: number): boolean {
    return this.#queued + bytes <= this.capacity;
  }

  /** xnu ignores what sbappendaddr() says: what has no room is dropped and nobody is told. */
  enqueue(message: Uint8Array): void {
    if (this.stalled) return;
    if (!this.hasRoom(message.length)) {
      this.overflowed ||= this.reportsOverflow;
      return;
    }
    this.#queue.push(message);
    this.#queued += message.length;
  }

  /** Takes one message, or as many as fit; what does not fit of a single one is lost. */
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
