// `WaitForMultipleObjects` in the shape of `poll(2)`, for the shared poll loop: a `pollfd` has 32 bits, which
// is what Windows uses of a handle. The events stay set until they are reset, so nothing is lost between
// two waits.
import { POLLIN, type PollPort } from "../poll_loop.ts";
import type { Syscalls } from "./syscalls.ts";

/** What the port needs of Windows. */
export type HandleSyscalls = Pick<
  Syscalls,
  "closeEvent" | "createEvent" | "isSet" | "resetEvent" | "setEvent" | "wait"
>;

/** Waits for events. Windows allows 64 in one wait; the notifications of an isolate are nine at most. */
export class HandlePort implements PollPort {
  readonly wakeDescriptor: number;
  readonly #syscalls: HandleSyscalls;

  /**
   * Creates the event that interrupts a wait.
   *
   * @throws {SystemCallError} if the system refuses
   */
  constructor(syscalls: HandleSyscalls) {
    this.#syscalls = syscalls;
    this.wakeDescriptor = syscalls.createEvent();
  }

  async poll(set: Uint8Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number> {
    const view = new DataView(set.buffer);
    const events = Array.from({ length: count }, (_, i) => view.getInt32(i * 8, true));
    const first = await this.#syscalls.wait(events, timeoutMs);
    if (first === null || first < 0) return first ?? 0;
    let ready = 0;
    // the wait names only the first of the events that are set
    for (let i = first; i < count; i++) {
      if (i > first && !this.#syscalls.isSet(events[i]!)) continue;
      view.setInt16(i * 8 + 6, POLLIN, true);
      ready++;
    }
    return ready;
  }

  wake(): void {
    this.#syscalls.setEvent(this.wakeDescriptor);
  }

  quiet(): void {
    this.#syscalls.resetEvent(this.wakeDescriptor);
  }

  /** Closes the event. No wait may be running. */
  close(): void {
    this.#syscalls.closeEvent(this.wakeDescriptor);
  }
}
