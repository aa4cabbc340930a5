/**
 * Reads the network many times and prints how many readings of each source are left after a garbage collection. Run
 * with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { ManualClock } from "../../../actor/testing.ts";
import { BsdSource, makeRuntime } from "../../../ffi/bsd/source.ts";
import { LinuxSource } from "../../../ffi/linux/source.ts";
import type { NetworkSource } from "../../../state/ports.ts";
import { SimulatedKernel } from "../../bsd/simulated_kernel.ts";
import { SimulatedWindows } from "../simulated_windows.ts";

declare const gc: () => void;

const kernel = new SimulatedKernel({ os: "freebsd", clock: new ManualClock() });
const runtime = makeRuntime(kernel.functions, "freebsd", () => kernel.unload());
const sources = [
  await LinuxSource.open({}),
  new BsdSource(runtime, {}, () => runtime.dispose()),
  new SimulatedWindows().source(),
];
const { signal } = new AbortController();

async function readOnce(source: NetworkSource): Promise<WeakRef<object>> {
  return new WeakRef(await source.read(signal));
}

for (const source of sources) {
  const readings = [];
  for (let n = 0; n < 20; n++) readings.push(await readOnce(source));
  await new Promise((resolve) => setTimeout(resolve, 0)); // until then a WeakRef keeps its target
  gc();
  const kept = readings.filter((reading) => reading.deref() !== undefined).length;
  console.log(source.name, kept);
  await source[Symbol.asyncDispose]();
}
