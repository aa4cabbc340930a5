// What all monitors of an isolate share on Windows: the system libraries, the poll loop, the notifications
// and the suspend clock. Loaded by the first user, unloaded with the last.
import { openLibrary, Refcounted } from "../library.ts";
import { PollLoop } from "../poll_loop.ts";
import { SuspendClock } from "../suspend_clock.ts";
import { HandlePort } from "./handle_poll.ts";
import { libraryRequests } from "./libraries.ts";
import { Notifications } from "./notifications.ts";
import { Syscalls } from "./syscalls.ts";

/** What the monitors of an isolate share. */
export class WindowsRuntime {
  readonly syscalls: Syscalls; // the system calls
  readonly pollLoop: PollLoop; // the one wait
  /** Checked after each wait and at each read: Windows signals no resume. */
  readonly clocks: SuspendClock;
  /** There while somebody subscribes; the path means nothing. */
  readonly notifications: Refcounted<Notifications>;
  readonly #port: HandlePort;
  readonly #unload: () => void;

  /** Uses loaded functions; `unload` unloads them. */
  constructor(syscalls: Syscalls, unload: () => void) {
    this.syscalls = syscalls;
    this.#unload = unload;
    this.#port = new HandlePort(syscalls);
    this.pollLoop = new PollLoop(this.#port, () => this.clocks.check(false));
    this.notifications = new Refcounted(() => Promise.resolve(new Notifications(this)));
    this.clocks = new SuspendClock({
      monotonic: () => syscalls.awakeMs(),
      bootTime: () => syscalls.uptimeMs(),
    });
  }

  /** Waits for the poll to end and unloads the libraries. */
  async dispose(): Promise<void> {
    await this.pollLoop.idle();
    this.#port.close();
    this.#unload();
  }
}

/** The runtime of the isolate, by the path of a stand-in for iphlpapi.dll. */
export const windowsRuntimes: Refcounted<WindowsRuntime> = new Refcounted(loadRuntime);

async function loadRuntime(path: string | undefined): Promise<WindowsRuntime> {
  const requests = libraryRequests(path);
  const opened: { close(): void }[] = [];
  const unload = (): void => opened.forEach((library) => library.close());
  const open = async <S extends Deno.ForeignLibraryInterface>(
    request: Parameters<typeof openLibrary<S>>[0],
  ): Promise<Deno.DynamicLibrary<S>["symbols"]> => {
    const library = await openLibrary(request);
    opened.push(library);
    return library.symbols;
  };
  try {
    const functions = {
      iphlpapi: await open(requests.iphlpapi),
      kernel32: await open(requests.kernel32),
      ws2_32: await open(requests.ws2_32),
    };
    return new WindowsRuntime(new Syscalls(functions), unload);
  } catch (error) {
    unload();
    throw error;
  }
}
