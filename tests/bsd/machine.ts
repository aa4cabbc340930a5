/**
 * A simulated machine with a monitor on it: the real source and the real actor, in simulated time.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { ManualClock } from "../../actor/testing.ts";
import { BsdSource, makeRuntime } from "../../ffi/bsd/source.ts";
import { type MonitorOptions, NetworkMonitor, type Snapshot } from "../../mod.ts";
import { Log, record } from "../actor/support.ts";
import { encodeRoute } from "../support/bsd_encode.ts";
import { SimulatedKernel, type SimulatedKernelOptions } from "./simulated_kernel.ts";
import type { SimulatedNetwork } from "./simulated_network.ts";

/** Simulated time advances in steps of this size, each followed by a turn of the real event loop. */
const STEP_MS = 500;

/** The machine is settled after this many turns without a message or a call. */
const QUIET_TURNS = 3;

/** The kernel's and the monitor's options. */
export interface MachineOptions extends Partial<Omit<SimulatedKernelOptions, "clock">> {
  /** Receives the wire trace. */
  trace?: (line: string) => void;
  monitor?: Omit<MonitorOptions, "source" | "clock" | "logger">;
}

/** A simulated machine and the monitor on it. */
export interface Machine extends AsyncDisposable {
  clock: ManualClock;
  kernel: SimulatedKernel;
  network: SimulatedNetwork;
  monitor: NetworkMonitor;
  source: BsdSource;
  log: Log;
  /** All snapshots published so far. */
  published: Snapshot[];
  /** Waits until every queued message is processed, without advancing simulated time. */
  settle(): Promise<void>;
  /** Advances simulated time, and processes what is queued at each step. */
  pass(ms: number): Promise<void>;
}

/**
 * Starts a machine, by default a Mac, with en0 at 192.0.2.7/24 and a default route via 192.0.2.1, and a
 * monitor on it whose first coalescing window is over.
 */
export async function startMachine(options: MachineOptions = {}): Promise<Machine> {
  const { monitor: monitorOptions, os = "darwin", trace, ...rest } = options;
  const clock = new ManualClock();
  const kernel = new SimulatedKernel({ os, clock, ...rest });
  const { network } = kernel;
  network.create("en0");
  network.addAddress("en0", "192.0.2.7/24", { other: "192.0.2.255" });
  network.setDefaultRoute("en0", "192.0.2.1");
  const system = makeRuntime(kernel.functions, os, () => kernel.unload());
  const buffer = monitorOptions?.receiveBufferBytes;
  const source = new BsdSource(
    system,
    { receiveBufferBytes: buffer, stormPauseMs: 0, trace },
    () => system.dispose(),
  );
  const log = new Log();
  const monitor = await NetworkMonitor.open({ ...monitorOptions, source, clock, logger: log });
  const settle = async () => {
    // A slice of messages or of a read takes a turn of the real event loop, and ends with calls.
    for (let quiet = 0, calls = -1; quiet < QUIET_TURNS;) {
      await delay(0);
      await clock.settle();
      quiet = kernel.isQuiet && kernel.callCount === calls ? quiet + 1 : 0;
      calls = kernel.callCount;
    }
  };
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      await clock.advance(Math.min(left, STEP_MS));
      await settle();
    }
  };
  const published = record(monitor);
  await pass(monitorOptions?.coalesceMs ?? 250);
  return {
    clock,
    kernel,
    network,
    monitor,
    source,
    log,
    published,
    settle,
    pass,
    [Symbol.asyncDispose]: async () => {
      await monitor.close();
      await source[Symbol.asyncDispose]();
    },
  };
}

/** RTM_MISS of Darwin: there is no route to an address. */
export function encodeMiss(): Uint8Array {
  const route = { destination: "2001:db8::1", prefixLength: 128, gateway: 0, index: 0, flags: 0x5 };
  return encodeRoute("darwin", 7, { ...route, source: null }, "kernel");
}

/** The regular addresses of the current state. */
export function addresses({ monitor }: Machine): readonly string[] {
  return monitor.current.state.localAddresses.regular;
}
