/**
 * While netwatch works, the program's sockets work, too: no long read and no row of short ones keeps them waiting.
 *
 * @module
 */
import { assert } from "@std/assert";
import { macrotask } from "../../ffi/timers.ts";
import { readNetworkState } from "../../mod.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { ffi, net, skippable } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";

/** Connects to this program, sends a byte and waits for it; sets `done` then. */
function echo(): { done: boolean; ended: Promise<void> } {
  const state = { done: false, ended: Promise.resolve() };
  state.ended = (async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    using server = await listener.accept();
    await server.write(Uint8Array.of(1));
    await client.read(new Uint8Array(1));
    state.done = true;
  })();
  return state;
}

/** How often `work` runs in a row until a byte has gone through a socket of this program. */
async function runsUntilEcho(work: () => Promise<unknown>): Promise<number> {
  const byte = echo();
  let runs = 0;
  for (const end = performance.now() + scaled(2_000); !byte.done && performance.now() < end;) {
    await work();
    runs++;
  }
  const { done } = byte;
  await byte.ended;
  return done ? runs : Infinity;
}

function busy(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

skippable({
  name: "sockets have their turn between the slices of a long read",
  needs: [net],
  async fn() {
    const turns = await runsUntilEcho(() => {
      busy(2);
      return macrotask();
    });
    assert(turns < 20, `${turns} turns`);
  },
});

skippable({
  name: "sockets have their turn in a loop over readNetworkState()",
  needs: ["linux", ffi, net],
  async fn() {
    const reads = await runsUntilEcho(() => readNetworkState());
    assert(reads < Infinity);
  },
});

namespaceTest(
  import.meta.url,
  "sockets have their turn while 20,000 addresses are read",
  async () => {
    await ip("link set lo up");
    await ip("link add v0 type ifb");
    await ipBatch(
      Array.from({ length: 20_000 }, (_, i) => `addr add 10.9.${i >> 8}.${i & 255}/32 dev v0`),
    );
    await readNetworkState(); // loads and compiles what it needs
    let echoes = 0;
    for (let read = 0; read < 5; read++) {
      let isReading = true;
      const reading = readNetworkState().finally(() => isReading = false);
      for (; isReading; echoes++) await echo().ended; // one or more even without pauses
      await reading;
    }
    assert(echoes > 30, `${echoes} bytes came back during five reads`); // 15 to 25 without pauses
  },
);
