// Selects the source: OS events if the system and the permissions allow them, else polling.
// The next four modules serve the code of each system: imported here, the first read takes 0.4 ms less.
import "../state/interface_name.ts";
import "./default_route.ts";
import "./errno.ts";
import "./library.ts";
import { macrotask, SLICE_MS } from "./timers.ts";
import { DecodeError, SystemCallError } from "../state/errors.ts";
import type { OpenedSource } from "../state/opened_source.ts";
import type { Clock, NetworkSource } from "../state/ports.ts";

export interface EventSourceOptions {
  libc?: string | undefined; // the absolute path of the C library; searched for if left out
  /** The size of the event socket's receive buffer; the source's default if left out. */
  receiveBufferBytes?: number | undefined;
  /** The longest pause between two polls of the event socket in a storm, in milliseconds. */
  stormPauseMs?: number | undefined;
  trace?: ((line: string) => void) | undefined; // receives one line of text per message
}

export interface OpenSourceOptions extends EventSourceOptions {
  source: "auto" | "events" | "polling" | NetworkSource; // the public option `source`
  pollingIntervalMs: number; // milliseconds between two reads, if the source polls
  clock: Clock; // the clock of a source that polls
  listens: boolean; // false for a single read, which needs no event socket
}

/** The event source of an operating system. */
type SystemSource = NetworkSource & AsyncDisposable & { readonly clock?: Clock | undefined };

interface SourceClass {
  /** Whether `open()` works without a prompt. */
  granted(options: OpenSourceOptions): boolean;
  /** Loads the system's libraries, asking the user for the permission if necessary. */
  open(options: OpenSourceOptions): Promise<SystemSource>;
}

/**
 * Opens the source and hands it to `use`, which releases it. With `source: "auto"` it polls if events are not
 * available, or the system refuses the sockets in `use`, and `--allow-sys=networkInterfaces` is granted; `reason` then
 * says why. Throws what `openLibrary()` and `use` throw, TypeError if this Deno cannot call the library of the option
 * `libc`, and NotSupported if this system has no event source.
 */
export async function openSource<T>(
  options: OpenSourceOptions,
  use: (opened: OpenedSource) => Promise<T>,
): Promise<T> {
  const { source } = options;
  if (typeof source === "object") return await use(opened(source));
  if (source === "polling") return await use(await polling(options, null));
  const system = await (loaded ??= SYSTEMS[Deno.build.os]?.());
  // a program that may poll is not prompted for more
  if (source === "auto" && !system?.granted(options) && canPoll()) {
    const reason = system === undefined
      ? `There is no event source for ${Deno.build.os} yet`
      : "Only --allow-sys=networkInterfaces is granted, not --allow-ffi";
    return await use(await polling(options, reason));
  }
  if (system === undefined) {
    throw new Deno.errors.NotSupported(
      `netwatch has no event source for ${Deno.build.os} yet: give the option source: "polling"` +
        " and --allow-sys=networkInterfaces",
    );
  }
  await giveTurn();
  let isOpen = false;
  try {
    const events = await system.open(options);
    isOpen = true;
    const dispose = async (): Promise<void> => await events[Symbol.asyncDispose]();
    return await use({ ...opened(events), clock: events.clock, dispose });
  } catch (error) {
    // sandboxes and Android refuse sockets (golang/go#40569)
    const isRefused = error instanceof SystemCallError || error instanceof DecodeError;
    if (source === "events" || isOpen && !isRefused || !canPoll()) throw error;
    return await use(await polling(options, error instanceof Error ? error.message : `${error}`));
  }
}

let [openedAt, turnAt] = [-Infinity, 0]; // of the last opening; of the event loop's last turn in this row
/** Openings in a row, as by a loop of reads, are one chain of microtasks: after 8 ms the event loop gets a turn. */
async function giveTurn(): Promise<void> {
  const now = performance.now();
  if (now - openedAt > 5 * SLICE_MS) turnAt = now; // longer reads pause themselves
  openedAt = now;
  if (now - turnAt <= SLICE_MS) return;
  await macrotask();
  turnAt = openedAt = performance.now();
}

function opened(source: NetworkSource): OpenedSource {
  return { source, reason: null, polling: false, dispose: () => Promise.resolve() };
}

async function polling(options: OpenSourceOptions, reason: string | null): Promise<OpenedSource> {
  const { pollingSource } = await import("./polling.ts");
  return { ...opened(pollingSource(options)), reason, polling: true };
}

/**
 * Loads the code of this operating system only. Import specifiers are literals so that bundlers and
 * `deno publish` can follow them.
 */
const SYSTEMS: Partial<Record<typeof Deno.build.os, () => Promise<SourceClass>>> = {
  android: async () => (await import("./linux/source.ts")).LinuxSource,
  darwin: async () => (await import("./bsd/source.ts")).BsdSource,
  freebsd: async () => (await import("./bsd/source.ts")).BsdSource,
  linux: async () => (await import("./linux/source.ts")).LinuxSource,
  windows: async () => (await import("./windows/source.ts")).WindowsSource,
};
/** Cached, since each `import()` takes a turn of the event loop. */
let loaded: Promise<SourceClass> | undefined;

function canPoll(): boolean {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" });
  return state === "granted";
}
