/**
 * A read of a BSD leaves the event loop its turns, over a kernel that takes its time.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { ManualClock } from "../../actor/testing.ts";
import { BsdSource, makeRuntime } from "../../ffi/bsd/source.ts";
import { countTurns, SimulatedTime } from "../support/simulated_time.ts";
import { SimulatedKernel } from "./simulated_kernel.ts";

const NET_RT_DUMP = 1;

/** What a read asks the kernel for, in this order. */
type Question = "interfaces" | "flags" | "routes";

/** A source of a Mac with an IPv6 address, and more of them; `onCall` hears of each system call of a read. */
function openSource(onCall: (question: Question) => void, more = 0): BsdSource {
  const kernel = new SimulatedKernel({ os: "darwin", clock: new ManualClock() });
  kernel.network.create("en0");
  kernel.network.addAddress("en0", "2001:db8::7/64");
  for (let i = 1; i <= more; i++) {
    kernel.network.addAddress("en0", `2001:db8:1::${i.toString(16)}/64`);
  }
  const { functions } = kernel;
  const libc: typeof functions = {
    ...functions,
    sysctl: (name, ...more) => {
      onCall((name as Int32Array)[4] === NET_RT_DUMP ? "routes" : "interfaces");
      return functions.sysctl(name, ...more);
    },
    ioctl: (...all) => {
      onCall("flags");
      return functions.ioctl(...all);
    },
  };
  const runtime = makeRuntime(libc, "darwin", () => kernel.unload());
  return new BsdSource(runtime, {}, () => runtime.dispose());
}

const ROWS: [what: string, slow: Partial<Record<Question, number>>, turns: number][] = [
  ["a quick read", {}, 0],
  ["slow interfaces", { interfaces: 16 }, 1],
  ["slow flags of addresses", { flags: 16 }, 1],
  ["both, each after a slice of its own", { interfaces: 16, flags: 8 }, 2],
  ["both, in one slice", { interfaces: 7, flags: 8 }, 0],
];

for (const [what, slow, turns] of ROWS) {
  Deno.test(`a BSD read pauses ${turns} times: ${what}`, async () => {
    using time = new SimulatedTime();
    const left = { ...slow };
    await using source = openSource((question) => {
      time.ms += left[question] ?? 0;
      left[question] = 0;
    });
    const counted = countTurns();
    const { interfaces } = await source.read(new AbortController().signal);
    assertEquals(counted(), turns);
    assertEquals(
      interfaces.find(({ name }) => name === "en0")?.addresses.at(-1)?.address,
      "2001:db8::7",
    );
  });
}

Deno.test("a BSD read pauses between the flags of many addresses", async () => {
  using time = new SimulatedTime();
  let asked = 0;
  await using source = openSource((question) => {
    if (question !== "flags") return;
    asked++;
    time.ms += 1;
  }, 100);
  const counted = countTurns();
  await source.read(new AbortController().signal);
  assertEquals({ asked, turns: counted() }, { asked: 101, turns: 11 });
});

Deno.test("a BSD read that is aborted in a pause ends with the reason", async () => {
  using time = new SimulatedTime();
  const controller = new AbortController();
  const reason = new Error("Enough");
  const asked: Question[] = [];
  await using source = openSource((question) => {
    asked.push(question);
    time.ms += 16;
    setImmediate(() => controller.abort(reason));
  });
  assertEquals(await assertRejects(() => source.read(controller.signal)), reason);
  assertEquals(new Set(asked), new Set(["interfaces"]));
});

Deno.test("a BSD source whose signal is aborted asks the kernel nothing", async () => {
  const asked: Question[] = [];
  await using source = openSource((question) => asked.push(question));
  const reason = new Error("Enough");
  const signal = AbortSignal.abort(reason);
  assertEquals(await assertRejects(() => source.read(signal)), reason);
  assertEquals(await assertRejects(() => source.subscribe(signal)), reason);
  assertEquals([asked, source.listeners], [[], []]);
});
