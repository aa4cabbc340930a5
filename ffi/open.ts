/**
 * Picks the source: events where they can be had, else polling, and says why.
 *
 * @module
 */
import type { Clock } from "../state/runtime.ts";
import type { NetworkSource, OpenedSource } from "../state/source.ts";
import { PollingSource } from "./polling.ts";

/** What is asked for. */
export interface OpenSourceOptions {
  /** As in the public options. */
  source: "auto" | "events" | "polling" | NetworkSource;
  /** The absolute path of the C library. */
  libc?: string | undefined;
  /** The wanted size of the receive buffer of events. */
  receiveBufferBytes?: number | undefined;
  /** Milliseconds between two looks, when polling. */
  pollingIntervalMs: number;
  /** Where the timer of polling comes from. */
  clock: Clock;
  /** False where it will only be read. */
  listens: boolean;
}

/** A source of events of one operating system. */
type EventSource = NetworkSource & AsyncDisposable & { check(listens: boolean): void };

/** How to open the source of events of one operating system. */
interface SystemSource {
  /** Whether `open()` would need no answer from the user. */
  granted(options: OpenSourceOptions): Promise<boolean>;
  /** Loads the C library. */
  open(options: OpenSourceOptions): Promise<EventSource>;
}

/**
 * Opens the source.
 *
 * @throws {Deno.errors.NotCapable} without the permission; the message has the flag to give
 * @throws {Deno.errors.NotFound} without a C library; the message has the places tried
 * @throws {Deno.errors.NotSupported} where no events can be had on this system, and they were asked for
 * @throws {SystemCallError} where the kernel refuses them, and they were asked for
 */
export async function openSource(options: OpenSourceOptions): Promise<OpenedSource> {
  const { source } = options;
  if (typeof source === "object") return held(source);
  if (source === "polling") return polling(options, null);
  const reason = source === "auto" ? await reasonToPoll(options) : null;
  if (reason !== null) return polling(options, reason);
  try {
    const events = await openEvents(options);
    return { ...held(events), dispose: async () => await events[Symbol.asyncDispose]() };
  } catch (error) {
    if (source === "events" || !(await canPoll())) throw error;
    return polling(options, error instanceof Error ? error.message : String(error));
  }
}

function held(source: NetworkSource): OpenedSource {
  return { source, reason: null, polling: false, dispose: () => Promise.resolve() };
}

function polling(options: OpenSourceOptions, reason: string | null): OpenedSource {
  const { clock, pollingIntervalMs } = options;
  const source = new PollingSource({ clock, intervalMs: pollingIntervalMs });
  return { ...held(source), reason, polling: true };
}

/** Opened and found to hear. Each system's code is loaded where it is needed only. */
async function openEvents(options: OpenSourceOptions): Promise<EventSource> {
  const source = await openSystemSource(options);
  try {
    source.check(options.listens);
    return source;
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

async function openSystemSource(options: OpenSourceOptions): Promise<EventSource> {
  const system = await systemSource();
  if (system !== null) return await system.open(options);
  throw new Deno.errors.NotSupported(
    `netwatch has no event source for ${Deno.build.os} yet: give the option source: "polling"` +
      " and --allow-sys=networkInterfaces",
  );
}

/** The code of this system; null where there is none. Each is named, so that it can be packed. */
async function systemSource(): Promise<SystemSource | null> {
  const { os } = Deno.build;
  switch (os) {
    case "linux":
    case "android": {
      const { LinuxSource } = await import("./linux/source.ts");
      return LinuxSource;
    }
    case "darwin":
    case "freebsd": {
      const { BsdSource } = await import("./bsd/source.ts");
      return {
        granted: (options) => BsdSource.granted({ ...options, os }),
        open: (options) => BsdSource.open({ ...options, os }),
      };
    }
    default:
      return null;
  }
}

async function canPoll(): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "sys", kind: "networkInterfaces" });
  return state === "granted";
}

/** Where polling is granted and events are not, nobody is asked for more. */
async function reasonToPoll(options: OpenSourceOptions): Promise<string | null> {
  if (!(await canPoll())) return null;
  const system = await systemSource();
  if (system === null) return `There is no event source for ${Deno.build.os} yet`;
  if (await system.granted(options)) return null;
  return "Only --allow-sys=networkInterfaces is granted, not --allow-ffi";
}
