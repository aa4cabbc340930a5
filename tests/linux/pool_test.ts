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

/** Calls that take so long, on all threads and in the queue. */
function keepBusy(ms: number): AsyncDisposable & { ended: number } {
  const library = Deno.dlopen("libc.so.6", {
    usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
  });
  const busy = {
    ended: 0,
    async [Symbol.asyncDispose]() {
      await Promise.all(calls);
      library.close();
    },
  };
  const call = () => library.symbols.usleep(ms * 1_000).then(() => busy.ended++);
  const calls = Array.from({ length: CALLS }, call);
  return busy;
}

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
      await using busy = keepBusy(scaled(1_500));
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
      assert(busy.ended <= CALLS / 2, "The read waited for a thread");
    },
  );
}

namespaceTest(
  import.meta.url,
  "a monitor opens without a thread of the pool",
  async () => {
    await ip("link set lo up");
    await using busy = keepBusy(scaled(3_000));
    await using monitor = await NetworkMonitor.open();
    await monitor.refresh();
    assertEquals(busy.ended, 0);
  },
);
