// Requests to the kernel and their answers. Netlink answers in the very call that asks, and produces a
// dump while it is read, so nothing here waits.
import { DecodeError, SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import type { TimeSlice } from "../time_slice.ts";
import * as C from "./constants.ts";
import { decodeNetlinkError, forEachMessage, type NetlinkMessage, setU32 } from "./netlink.ts";
import type { Syscalls } from "./syscalls.ts";

/** The datagrams of a dump received in one call: each holds up to 32 KiB, decoded before the next look at the time. */
const DUMP_BATCH = 2;
/** Where the sequence number of a message lies (struct nlmsghdr). */
const SEQUENCE_OFFSET = 8;

/** A netlink socket for requests. Each throws SystemCallError if the kernel refuses or does not answer. */
export class RequestSocket {
  readonly #syscalls: Syscalls;
  readonly #socket: number;
  #sequence = 0;
  #waiting = false;

  /** Opens the socket. */
  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
    this.#socket = syscalls.openNetlink(0);
    // Improvements that older kernels lack: error texts, exact filters.
    for (const option of [C.NETLINK_EXT_ACK, C.NETLINK_GET_STRICT_CHK]) {
      syscalls.setOption(this.#socket, C.SOL_NETLINK, option, 1);
    }
  }

  /** Whether answers may still arrive, because a request failed half-way. */
  get isWaiting(): boolean {
    return this.#waiting;
  }

  /**
   * Sends several requests in one datagram, each of which has one answer.
   *
   * @param requests Encoded messages; their sequence numbers are filled in here.
   * @param decode Decodes an answer.
   * @returns The answers in the order of the requests; null where the kernel answered with an error,
   * which for a route means that there is none.
   */
  askAll<T>(requests: readonly Uint8Array[], decode: (message: NetlinkMessage) => T): (T | null)[] {
    const first = this.#sequence + 1;
    this.#sequence += requests.length;
    this.#send(requests, first);
    const answers = requests.map(() => null as T | null);
    let missing = requests.length;
    while (missing > 0) {
      this.#receive("the answer", (message) => {
        const i = message.sequence - first;
        if (i < 0 || i >= requests.length) return;
        missing--;
        if (message.type !== C.NLMSG_ERROR) answers[i] = decode(message);
      });
    }
    this.#waiting = false;
    return answers;
  }

  /** Sends one request of which only the success matters. */
  ask(operation: string, request: Uint8Array): void {
    const sequence = this.#send([request], ++this.#sequence);
    const progress = { done: false, consistent: true };
    while (!progress.done) {
      this.#receive(operation, (message) => {
        if (message.sequence === sequence) follow(operation, message, progress, () => {});
      });
    }
    this.#waiting = false;
  }

  /**
   * Reads a dump in slices.
   *
   * @param slice Shared with whatever else the read does, since one dump after the other may be short.
   * @returns False if a change interrupted the dump, so that it must be read again.
   */
  async dump(
    operation: string,
    request: Uint8Array,
    visit: (message: NetlinkMessage) => void,
    slice: TimeSlice,
    signal: AbortSignal,
  ): Promise<boolean> {
    const sequence = this.#send([request], ++this.#sequence);
    const progress = { done: false, consistent: true };
    while (!progress.done) {
      this.#receive(operation, (message) => {
        if (message.sequence === sequence) follow(operation, message, progress, visit);
      }, DUMP_BATCH);
      if (slice.isOver) await slice.pause(signal);
    }
    this.#waiting = false;
    return progress.consistent;
  }

  /** Closes the socket. */
  close(): void {
    this.#syscalls.close(this.#socket);
  }

  /** Numbers the requests from `first` on, and sends them. */
  #send(requests: readonly Uint8Array[], first: number): number {
    const datagram = new Uint8Array(requests.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    requests.forEach((request, i) => {
      datagram.set(request, offset);
      setU32(datagram, offset + SEQUENCE_OFFSET, first + i);
      offset += request.length;
    });
    this.#waiting = true;
    this.#syscalls.send(this.#socket, datagram);
    return first;
  }

  /** Visits the messages that are queued, at least one datagram of the kernel. */
  #receive(operation: string, visit: (message: NetlinkMessage) => void, most?: number): void {
    for (let fromKernel = 0; fromKernel === 0;) {
      const received = this.#syscalls.receive(this.#socket, most);
      if (received === 0) throw this.#syscalls.error(`recv of ${operation}`);
      for (let i = 0; i < received; i++) {
        if (!this.#syscalls.isFromKernel(i)) continue;
        fromKernel++;
        const datagram = this.#syscalls.datagram(i);
        if (datagram === null) throw new DecodeError(operation, 0);
        forEachMessage(datagram, visit);
      }
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
  if (message.flags & C.NLM_F_DUMP_INTR) progress.consistent = false;
  // NLMSG_DONE carries an error if the dump failed on its way.
  if (message.type === C.NLMSG_ERROR || message.type === C.NLMSG_DONE) {
    const { code, text } = decodeNetlinkError(message);
    if (code !== 0) throw refused(operation, code, text);
    progress.done = true;
  } else {
    visit(message);
    if ((message.flags & C.NLM_F_MULTI) === 0) progress.done = true;
  }
}

function refused(operation: string, code: number, text: string | null): SystemCallError {
  const options = text === null ? {} : { detail: text };
  return new SystemCallError(operation, code, errnoName("linux", code), options);
}
