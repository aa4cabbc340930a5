/**
 * The source is disposed of while its poll loop pauses in a storm.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ManualClock } from "../../actor/testing.ts";
import { BsdSource, makeRuntime } from "../../ffi/bsd/source.ts";
import { SimulatedKernel } from "./simulated_kernel.ts";

Deno.test({
  name: "disposing the BSD source in the pause of a storm leaves no timer behind",
  sanitizeOps: true,
  async fn() {
    const kernel = new SimulatedKernel({ os: "freebsd", clock: new ManualClock() });
    kernel.network.create("en0");
    const runtime = makeRuntime(kernel.functions, "freebsd", () => kernel.unload());
    const source = new BsdSource(runtime, { stormPauseMs: 8 }, () => runtime.dispose());
    const subscription = await source.subscribe(new AbortController().signal);
    const events = subscription[Symbol.asyncIterator]();
    for (let i = 1; i <= 5; i++) {
      const event = events.next();
      kernel.network.addAddress("en0", `198.51.100.${i}/24`);
      assertEquals(await event, { done: false, value: { kind: "changed" } });
    }
    await new Promise((resolve) => setTimeout(resolve, 0)); // the pause begins
    await source[Symbol.asyncDispose]();
  },
});
