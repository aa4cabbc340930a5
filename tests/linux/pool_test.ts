/**
 * A program that keeps all threads of Deno's pool busy, as 32 file operations that hang do: no poll begins then.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { NetworkMonitor } from "../../mod.ts";
import { ip, namespaceTest } from "../support/netns.ts";
import { NetworkChanger } from "../support/rtnetlink.ts";
import { scaled } from "../support/timing.ts";

/** Twice as many calls as threads: a poll has to wait until both rounds have begun. */
const CALLS = 64;

for (const persistent of [true, false]) {
  namespaceTest(
    import.meta.url,
    `without a thread for the poll a monitor is right by reconcile (persistent: ${persistent})`,
    async () => {
      await ip("link set lo up");
      await using monitor = await NetworkMonitor.open({
        reconcileIntervalMs: scaled(200),
        persistent,
      });
      using changer = new NetworkChanger();
      const library = Deno.dlopen("libc.so.6", {
        usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
      });
      let ended = 0;
      const calls = Array.from(
        { length: CALLS },
        () => library.symbols.usleep(scaled(1_500) * 1_000).then(() => ended++),
      );
      // the poll that runs already hears of the first
      for (const last of [1, 2]) {
        changer.addAddress(1, Uint8Array.of(10, 0, 0, last), 32);
        const isThere = (cidr: string) =>
          monitor.current.state.interfaces["lo"]!.addresses.some((it) => it.cidr === cidr);
        await monitor.waitFor(() => isThere(`10.0.0.${last}/32`), {
          signal: AbortSignal.timeout(scaled(2_500)),
        });
      }
      await monitor.refresh();
      assert(ended <= CALLS / 2, "The read waited for a thread");
      await Promise.all(calls);
      library.close();
    },
  );
}

namespaceTest(
  import.meta.url,
  "a monitor opens without a thread of the pool",
  async () => {
    await ip("link set lo up");
    const library = Deno.dlopen("libc.so.6", {
      usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
    });
    let ended = 0;
    const calls = Array.from(
      { length: CALLS },
      () => library.symbols.usleep(scaled(3_000) * 1_000).then(() => ended++),
    );
    await using monitor = await NetworkMonitor.open();
    await monitor.refresh();
    assertEquals(ended, 0);
    await Promise.all(calls);
    library.close();
  },
);
