// What all monitors of an isolate share on Linux: the C library, the poll loop, the socket for route
// lookups and the suspend clock. Loaded by the first user, unloaded with the last.
import { Refcounted } from "../refcounted.ts";
import { loadLibc } from "./libc.ts";
import { RequestSocket } from "./request_socket.ts";
import {
  decodeRouteAnswer,
  type DefaultRouteAnswer,
  type LinkNames,
  type RouteLookup,
} from "./route_lookup.ts";
import { Syscalls } from "./syscalls.ts";
import type { Wakeups } from "./wakeups.ts";

/** What the monitors of an isolate share. */
export class LinuxRuntime {
  readonly syscalls: Syscalls; // the system calls
  readonly #unload: () => void;
  wakeups: Wakeups | null = null; // the poll and the clocks, while somebody listens
  #idleSocket: RequestSocket | null = null; // an open socket that nobody uses

  /** Uses loaded functions; `unload` unloads them. */
  constructor(syscalls: Syscalls, unload: () => void) {
    this.syscalls = syscalls;
    this.#unload = unload;
  }

  /**
   * Looks up the default routes.
   *
   * @throws {SystemCallError} if the kernel does not answer
   */
  askRoutes(lookup: RouteLookup, links: LinkNames): DefaultRouteAnswer {
    const socket = this.takeSocket();
    try {
      return lookup.ask((queries) => socket.askAll(queries, decodeRouteAnswer), links);
    } finally {
      this.releaseSocket(socket);
    }
  }

  /** A socket for requests. Opening one costs as much as a read, so it is kept for the next ones. */
  takeSocket(): RequestSocket {
    const socket = this.#idleSocket ?? new RequestSocket(this.syscalls);
    this.#idleSocket = null;
    return socket;
  }

  /** Releases what `takeSocket()` returned. */
  releaseSocket(socket: RequestSocket): void {
    if (this.#idleSocket === null && !socket.isWaiting) this.#idleSocket = socket;
    else socket.close();
  }

  /** Compares the clocks now, if somebody listens. */
  checkClocks(): void {
    this.wakeups?.clock.check(false);
  }

  /** Waits for the poll to end and unloads the library. */
  async dispose(): Promise<void> {
    await this.wakeups?.close();
    this.#idleSocket?.close();
    this.#unload();
  }
}

/** The runtime of the isolate, by the path of the C library. */
export const linuxRuntimes: Refcounted<LinuxRuntime> = new Refcounted(loadRuntime);

async function loadRuntime(path: string | undefined): Promise<LinuxRuntime> {
  const { functions, unload } = await loadLibc(path);
  try {
    return new LinuxRuntime(new Syscalls(functions), unload);
  } catch (error) {
    unload();
    throw error;
  }
}
