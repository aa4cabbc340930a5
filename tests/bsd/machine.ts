/**
 * A simulated machine with a monitor on it: the real source and the real actor, in simulated time.
 *
 * @module
 */
import { ManualClock } from "../../actor/testing.ts";
import { BsdSource } from "../../ffi/bsd/source.ts";
import { BsdRuntime } from "../../ffi/bsd/runtime.ts";
import { type MonitorOptions, NetworkMonitor, type Snapshot } from "../../mod.ts";
import { Log, record } from "../actor/support.ts";
import { SimulatedKernel, type SimulatedKernelOptions } from "./simulated_kernel.ts";
import type { SimulatedNetwork } from "./simulated_network.ts";

/** How far simulated time goes before the real event loop has its turn. */
const STEP_MS = 500;

/** What `startMachine()` takes. */
export interface MachineOptions extends Partial<Omit<SimulatedKernelOptions, "clock">> {
  monitor?: Omit<MonitorOptions, "source" | "clock" | "logger">;
}

/** A machine on which a monitor runs. */
export interface Machine extends AsyncDisposable {
  clock: ManualClock;
  kernel: SimulatedKernel;
  network: SimulatedNetwork;
  monitor: NetworkMonitor;
  source: BsdSource;
  log: Log;
  /** All publications so far. */
  published: Snapshot[];
  /** Lets everything that is heard be heard; no simulated time passes. */
  settle(): Promise<void>;
  /** Simulated time passes, in steps, and what is heard meanwhile is heard. */
  pass(ms: number): Promise<void>;
}

/**
 * A Mac, unless told otherwise, with en0 at 192.0.2.7/24 and a default route through 192.0.2.1, and a
 * monitor that has published it. Its first window is over.
 */
export async function startMachine(options: MachineOptions = {}): Promise<Machine> {
  const { monitor: monitorOptions, os = "darwin", ...rest } = options;
  const clock = new ManualClock();
  const kernel = new SimulatedKernel({ os, clock, ...rest });
  const { network } = kernel;
  network.create("en0");
  network.addAddress("en0", "192.0.2.7/24", { other: "192.0.2.255" });
  network.setDefaultRoute("en0", "192.0.2.1");
  const system = new BsdRuntime(kernel.functions, os, () => kernel.unload());
  const buffer = monitorOptions?.receiveBufferBytes;
  const source = new BsdSource(
    system,
    { receiveBufferBytes: buffer, stormPauseMs: 0 },
    () => system.dispose(),
  );
  const log = new Log();
  const monitor = await NetworkMonitor.open({ ...monitorOptions, source, clock, logger: log });
  const settle = async () => {
    // Slices and mails take turns of the real event loop.
    for (let quiet = 0; quiet < 3;) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      await clock.settle();
      quiet = kernel.isQuiet ? quiet + 1 : 0;
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

/** The regular addresses that a monitor shows. */
export function addresses({ monitor }: Machine): readonly string[] {
  return monitor.current.state.localAddresses.regular;
}
