/**
 * Questions to the kernel and their answers. Netlink answers a question in the very call that asks it
 * and produces a dump while it is read, so nothing here waits.
 *
 * @module
 */
import { DecodeError, SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import { macrotask } from "../routing_socket.ts";
import {
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  SOL_NETLINK,
} from "./constants.ts";
import type { Syscalls } from "./syscalls.ts";
import { decodeNetlinkError, forEachMessage, type NetlinkMessage } from "./netlink.ts";

/** A long dump may not hold the event loop longer than this at a time. */
const SLICE_MS = 8;
/** The kernel is the only one that may answer. */
const KERNEL_PORT = 0;

/** Makes the bytes of a request under this sequence number. */
export type Encode = (sequence: number) => Uint8Array;

/** A netlink socket for questions. */
export class RequestSocket {
  readonly #kernel: Syscalls;
  readonly #socket: number;
  #sequence = 0;
  #open = true;

  /** Opens it; throws a SystemCallError when the kernel refuses. */
  constructor(kernel: Syscalls) {
    this.#kernel = kernel;
    this.#socket = kernel.openNetlink(0);
    // All three are improvements that older kernels lack: error texts, short errors, exact filters.
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
      kernel.setOption(this.#socket, SOL_NETLINK, option, 1);
    }
  }

  /**
   * Asks several questions in one datagram, each with one answer: its message, or null where the
   * kernel answered with an error, which for a route means that there is none.
   */
  askAll<T>(questions: readonly Encode[], decode: (message: NetlinkMessage) => T): (T | null)[] {
    const first = this.#sequence + 1;
    this.#sequence += questions.length;
    this.#kernel.send(this.#socket, concatenate(questions.map((encode, i) => encode(first + i))));
    const answers = questions.map(() => null as T | null);
    let missing = questions.length;
    while (missing > 0) {
      forEachMessage(this.#receive("the answer"), (message) => {
        const i = message.sequence - first;
        if (i < 0 || i >= questions.length) return;
        missing--;
        if (message.type !== NLMSG_ERROR) answers[i] = decode(message);
      });
    }
    return answers;
  }

  /**
   * Asks one question whose answer does not matter, only that there is one.
   *
   * @throws {SystemCallError} when the kernel refuses to answer
   */
  ask(operation: string, encode: Encode): void {
    const sequence = ++this.#sequence;
    this.#kernel.send(this.#socket, concatenate([encode(sequence)]));
    const progress = { done: false, consistent: true };
    while (!progress.done) {
      forEachMessage(this.#receive(operation), (message) => {
        if (message.sequence === sequence) follow(operation, message, progress, () => {});
      });
    }
  }

  /**
   * Reads a dump. False when it was interrupted by a change and must be read again.
   *
   * @throws {SystemCallError} when the kernel refuses it
   */
  async dump(
    operation: string,
    encode: Encode,
    visit: (message: NetlinkMessage) => void,
    signal: AbortSignal,
  ): Promise<boolean> {
    const sequence = ++this.#sequence;
    this.#kernel.send(this.#socket, concatenate([encode(sequence)]));
    const progress = { done: false, consistent: true };
    let sliceEnd = performance.now() + SLICE_MS;
    while (!progress.done) {
      forEachMessage(this.#receive(operation), (message) => {
        if (message.sequence === sequence) follow(operation, message, progress, visit);
      });
      if (progress.done || performance.now() < sliceEnd) continue;
      await macrotask();
      signal.throwIfAborted();
      sliceEnd = performance.now() + SLICE_MS;
    }
    return progress.consistent;
  }

  /** Closes the socket. */
  close(): void {
    if (this.#open) this.#kernel.close(this.#socket);
    this.#open = false;
  }

  /** One datagram of the kernel, valid until the next. */
  #receive(operation: string): Uint8Array {
    for (;;) {
      const received = this.#kernel.receive(this.#socket);
      if (received === null) throw this.#kernel.error(`recv of ${operation}`);
      if (received.port !== KERNEL_PORT) continue;
      if (received.datagram === null) throw new DecodeError(operation, 0);
      return received.datagram;
    }
  }
}

function follow(
  operation: string,
  message: NetlinkMessage,
  progress: { done: boolean; consistent: boolean },
  visit: (message: NetlinkMessage) => void,
): void {
  // Any part may carry the flag, the last one included.
  if (message.flags & NLM_F_DUMP_INTR) progress.consistent = false;
  // The end of a dump may carry an error as well, where it failed on the way.
  if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
    const { code, text } = decodeNetlinkError(message);
    if (code !== 0) throw refused(operation, code, text);
    progress.done = true;
  } else {
    visit(message);
    if ((message.flags & NLM_F_MULTI) === 0) progress.done = true;
  }
}

function refused(operation: string, code: number, text: string | null): SystemCallError {
  const options = text === null ? {} : { detail: text };
  return new SystemCallError(operation, code, errnoName("linux", code), options);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
