/**
 * The stand-in for iphlpapi.dll, which `deno task test:windows` builds, and monitors on it.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type MonitorOptions, NetworkMonitor } from "../../mod.ts";
import { WindowsSource } from "../../ffi/windows/source.ts";
import type { Snapshot } from "../../state/types.ts";
import { ffi, missing, read } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";
import { windowsTest } from "./support.ts";

const PATH = fileURLToPath(new URL("build/standin.dll", import.meta.url));

/** Bits of the masks: one per API. */
export const APIS = { address: 1, interface: 2, route: 4, all: 7 } as const;

/** What a test sets; the first four are masks of `APIS`. */
const SETTINGS = [
  "refused",
  "noHandle",
  "silent",
  "deaf",
  "addresses",
  "growth",
  "bestRouteError",
  "operationsRefused",
  "listMs",
] as const;

const COUNTS = ["registered", "fired", "storms", "tables", "operations"] as const;

/** Controls the stand-in, which stays loaded while this is open. */
export class Standin implements AsyncDisposable {
  readonly #library = Deno.dlopen(PATH, {
    standin_storm: { parameters: ["i32"], result: "void" },
    standin_change: { parameters: [], result: "void" },
    standin_set: { parameters: ["i32", "i32"], result: "void" },
    standin_get: { parameters: ["i32"], result: "i32" },
  });

  constructor() {
    for (const setting of SETTINGS) this.set(setting, setting === "addresses" ? 1 : 0);
  }

  /** Changes how it behaves. */
  set(setting: (typeof SETTINGS)[number], value: number): void {
    this.#library.symbols.standin_set(SETTINGS.indexOf(setting), value);
  }

  /** Reads one of its counts. */
  get(count: (typeof COUNTS)[number]): number {
    return this.#library.symbols.standin_get(COUNTS.indexOf(count));
  }

  /** Fires one notification of each API. */
  change(): void {
    this.#library.symbols.standin_change();
  }

  /** Fires so many notifications of each API, on a thread for each. */
  storm(count: number): void {
    this.#library.symbols.standin_storm(count);
  }

  /** Waits for the end of all storms. */
  async calm(): Promise<void> {
    while (this.get("storms") > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Waits for its threads, and unloads it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.calm();
    this.#library.close();
  }
}

/** A monitor on the stand-in. */
export class StandinMonitor implements AsyncDisposable {
  readonly source: WindowsSource;
  readonly monitor: NetworkMonitor;

  private constructor(source: WindowsSource, monitor: NetworkMonitor) {
    this.source = source;
    this.monitor = monitor;
  }

  /** Opens it; without reconcile and coalescing if they are left out. */
  static async open(options: MonitorOptions = {}): Promise<StandinMonitor> {
    const source = await WindowsSource.open({ iphlpapi: PATH });
    try {
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      const monitor = await NetworkMonitor.open({
        reconcileIntervalMs: Infinity,
        coalesceMs: 0,
        logger,
        ...options,
        source,
      });
      return new StandinMonitor(source, monitor);
    } catch (error) {
      await source[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The number of addresses published last. */
  get addresses(): number {
    return this.monitor.current.state.interfaces.net0!.addresses.length;
  }

  /** Waits until so many addresses are published; 5 s at most. */
  async untilAddresses(count: number): Promise<Snapshot> {
    return await this.monitor.waitFor(
      ({ interfaces }) => interfaces.net0!.addresses.length === count,
      { signal: AbortSignal.timeout(scaled(5_000)) },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.monitor.close();
    await this.source[Symbol.asyncDispose]();
  }
}

/** Registers a test of the stand-in. */
export function standinTest(name: string, fn: (standin: Standin) => Promise<void>): void {
  const isBuilt = missing([read]) === null && existsSync(PATH);
  if (!isBuilt && Deno.build.os === "windows") {
    console.log(`'${PATH}' is not built: run 'deno task test:windows'`);
  }
  windowsTest({
    name,
    needs: [ffi, read],
    ignore: !isBuilt,
    fn: async () => {
      await using standin = new Standin();
      await fn(standin);
    },
  });
}
