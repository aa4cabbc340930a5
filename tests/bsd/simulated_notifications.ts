/**
 * The notification centre of the simulated Mac (libnotify, notifyd).
 *
 * @module
 */
import type { Descriptor } from "./simulated_descriptor.ts";

const NOTIFY_STATUS_OK = 0;
const NOTIFY_STATUS_INVALID_NAME = 1;
const NOTIFY_STATUS_INVALID_TOKEN = 2;

/** The kernel's table of descriptors. */
export interface DescriptorTable {
  /** Opens the pipe of a notification. */
  open(): number;
  descriptor(fd: number): Descriptor;
  close(fd: number): void;
}

/** Posts to whoever registered for com.apple.system.config.network_change. */
export class NotificationCentre {
  readonly #table: DescriptorTable;
  readonly #tokens = new Map<number, number>();
  #lastToken = 0x1_0000;

  constructor(table: DescriptorTable) {
    this.#table = table;
  }

  /** notify_register_file_descriptor() */
  register(name: Uint8Array, fd: Int32Array, token: Int32Array): number {
    const text = new TextDecoder().decode(name);
    if (text !== "com.apple.system.config.network_change\0") return NOTIFY_STATUS_INVALID_NAME;
    fd[0] = this.#table.open();
    token[0] = ++this.#lastToken;
    this.#tokens.set(token[0], fd[0]);
    return NOTIFY_STATUS_OK;
  }

  /** notify_cancel() */
  cancel(token: number): number {
    const fd = this.#tokens.get(token);
    if (fd === undefined) return NOTIFY_STATUS_INVALID_TOKEN;
    this.#table.close(fd);
    this.#tokens.delete(token);
    return NOTIFY_STATUS_OK;
  }

  /** Writes a token to each pipe. notifyd closes its end of a full one for good, without an end of file. */
  post(): void {
    for (const [token, fd] of this.#tokens) {
      const descriptor = this.#table.descriptor(fd);
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, token);
      if (!descriptor.hasRoom(bytes.length)) descriptor.stalled = true;
      descriptor.enqueue(bytes);
    }
  }
}
