import { assertEquals, assertThrows } from "@std/assert";
import type { Interface, SnapshotOptions } from "../../mod.ts";
import { addresses, eth0, nic, poll, publish, setUp } from "./support.ts";

const BOUND = { hostname: "192.0.2.1" };
const DAY = 24 * 3_600_000;

Deno.test("affects delivers what affects the address, with all changes since the last delivery", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ affects: BOUND }).getReader();
  assertEquals((await reader.read()).value?.sequence, 1);
  const next = reader.read();
  await publish(it, "192.0.2.1/24", nic("eth1", "198.51.100.1/24"));
  assertEquals(await poll(it, next), null);
  await publish(it, "192.0.2.9/24", nic("eth1", "198.51.100.1/24"));
  const snapshot = await poll(it, next);
  assertEquals([snapshot?.sequence, addresses(snapshot!)], [3, ["192.0.2.9", "198.51.100.1"]]);
  assertEquals(snapshot?.changes.map(({ kind }) => kind), [
    "interface-added",
    "address-removed",
    "address-added",
  ]);
});

Deno.test("affects compares with what was delivered last, also after a pause of the reader", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ affects: BOUND, initial: false }).getReader();
  await publish(it, "192.0.2.9/24");
  await publish(it, "192.0.2.1/24");
  const next = reader.read();
  assertEquals(await poll(it, next), null);
  await publish(it, "192.0.2.9/24");
  assertEquals((await poll(it, next))?.sequence, 4);
});

Deno.test("affects settles on changes that affect, whatever else changes", async () => {
  await using it = await setUp();
  const options = { affects: BOUND, initial: false, settleMs: 900, settleMaxMs: 10_000 };
  const next = it.monitor.snapshots(options).getReader().read();
  await publish(it, "192.0.2.9/24"); // published now
  await publish(it, "192.0.2.9/24", nic("eth1", "198.51.100.1/24")); // does not affect
  await publish(it, "192.0.2.9/24", nic("eth1", "198.51.100.2/24")); // neither
  assertEquals(await poll(it, next), null);
  await it.clock.advance(200);
  assertEquals((await poll(it, next))?.sequence, 4);
});

Deno.test("settleMaxMs of affects counts from the first change that affects, each time", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 100 } });
  const options = { affects: BOUND, initial: false, settleMs: 1_000, settleMaxMs: 1_500 };
  const reader = it.monitor.snapshots(options).getReader();
  const eth1 = nic("eth1", "198.51.100.1/24");
  const become = async (ms: number, ...nics: Interface[]) => {
    it.source.set(nics);
    it.source.announce();
    await it.clock.advance(ms);
  };
  const first = reader.read();
  await become(1_000, eth0("192.0.2.1/24"), eth1); // does not affect
  for (const address of ["192.0.2.9/24", "192.0.2.1/24", "192.0.2.9/24", "192.0.2.1/24"]) {
    await become(300, eth0(address), eth1);
  }
  await become(299, eth0("192.0.2.9/24"), eth1);
  assertEquals(await poll(it, first), null);
  await it.clock.advance(1);
  assertEquals(addresses((await poll(it, first))!), ["192.0.2.9", "198.51.100.1"]);
  const second = reader.read();
  await become(1_000, eth0("192.0.2.9/24"));
  await become(999, eth0("192.0.2.1/24"));
  assertEquals(await poll(it, second), null);
  await it.clock.advance(1);
  assertEquals(addresses((await poll(it, second))!), ["192.0.2.1"]);
});

Deno.test("affects settles anew after a delivery, whatever changed while nobody read", async () => {
  await using it = await setUp();
  const options = { affects: BOUND, initial: false, settleMs: 1_000, settleMaxMs: 2_000 };
  const reader = it.monitor.snapshots(options).getReader();
  const first = reader.read();
  await publish(it, "192.0.2.9/24");
  await it.clock.advance(750);
  assertEquals(addresses((await poll(it, first))!), ["192.0.2.9"]);
  await publish(it, "192.0.2.9/24", nic("eth1", "198.51.100.1/24")); // does not affect
  await it.clock.advance(10_000);
  await publish(it, "192.0.2.1/24", nic("eth1", "198.51.100.1/24"));
  const second = reader.read();
  assertEquals(await poll(it, second), null);
  await it.clock.advance(750);
  assertEquals(addresses((await poll(it, second))!), ["192.0.2.1", "198.51.100.1"]);
});

Deno.test("affects delivers nothing when the address came back while it settled, whatever else changed", async () => {
  await using it = await setUp();
  const options = { affects: BOUND, initial: false, settleMs: 1_000 };
  const next = it.monitor.snapshots(options).getReader().read();
  await publish(it, "192.0.2.9/24");
  await publish(it, "192.0.2.1/24", nic("eth1", "198.51.100.1/24"));
  await it.clock.advance(10_000);
  assertEquals(await poll(it, next), null);
});

Deno.test("affects delivers a long sleep, and one before a short one", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ affects: BOUND, initial: false }).getReader();
  it.source.emit({ kind: "resumed", at: 1, sleptMs: DAY });
  await it.clock.advance(250);
  it.source.emit({ kind: "resumed", at: 2, sleptMs: 1_000 });
  await it.clock.advance(250);
  const { value } = await reader.read();
  assertEquals([value?.state.sleptMs, value?.reasons], [1_000, [{
    kind: "resumed",
    sleptMs: DAY,
  }]]);
  const next = reader.read();
  it.source.emit({ kind: "resumed", at: 3, sleptMs: 1_000 });
  await it.clock.advance(250);
  assertEquals(await poll(it, next), null);
});

Deno.test("affects delivers a long sleep that was published together with an address, after a short one", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ affects: BOUND, initial: false }).getReader();
  it.source.set([eth0("192.0.2.1/24", "192.0.2.8/24")]);
  it.source.announce();
  await it.clock.settle(); // the next two wait for the end of the window that this publication begins
  it.source.set([eth0("192.0.2.1/24", "192.0.2.8/24", "192.0.2.9/24")]);
  it.source.announce();
  it.source.emit({ kind: "resumed", at: 1, sleptMs: DAY });
  await it.clock.advance(250);
  assertEquals(it.monitor.current.reasons.map(({ kind }) => kind), ["address-usable", "resumed"]);
  it.source.emit({ kind: "resumed", at: 2, sleptMs: 1_000 });
  await it.clock.advance(250);
  const { value } = await reader.read();
  assertEquals(value?.reasons.at(-1), { kind: "resumed", sleptMs: DAY });
});

Deno.test("affects of a loopback address delivers nothing, not even a long sleep", async () => {
  await using it = await setUp();
  const affects = { hostname: "127.0.0.1" };
  const next = it.monitor.snapshots({ affects, initial: false }).getReader().read();
  it.source.emit({ kind: "resumed", at: 1, sleptMs: DAY });
  await it.clock.advance(1_000);
  assertEquals(await poll(it, next), null);
});

Deno.test("affects and majorOnly together ask for both", async () => {
  await using it = await setUp({ monitor: { ignoreInterface: ({ name }) => name === "eth0" } });
  const options = { affects: BOUND, initial: false, majorOnly: true };
  const next = it.monitor.snapshots(options).getReader().read();
  await publish(it, "192.0.2.9/24"); // affects, and is minor since eth0 is ignored
  assertEquals(await poll(it, next), null);
  await publish(it, "192.0.2.9/24", nic("eth1", "198.51.100.1/24")); // major
  assertEquals((await poll(it, next))?.sequence, 3);
});

Deno.test("affects with majorOnly settles on the last change that affects, even a minor one", async () => {
  await using it = await setUp({ monitor: { ignoreInterface: ({ name }) => name === "eth0" } });
  const options = { affects: BOUND, initial: false, majorOnly: true, settleMs: 1_000 };
  const next = it.monitor.snapshots(options).getReader().read();
  const eth1 = nic("eth1", "198.51.100.1/24");
  await publish(it, "192.0.2.1/24", eth1); // major
  await publish(it, "192.0.2.9/24", eth1); // affects
  await it.clock.advance(749);
  assertEquals(await poll(it, next), null);
  await it.clock.advance(1);
  assertEquals((await poll(it, next))?.sequence, 3);
});

Deno.test("affects with majorOnly settles whatever else changes", async () => {
  await using it = await setUp();
  const options = { affects: BOUND, initial: false, majorOnly: true, settleMs: 500 };
  const next = it.monitor.snapshots(options).getReader().read();
  await publish(it, "192.0.2.9/24"); // major, and affects
  assertEquals(await poll(it, next), null);
  await publish(it, "192.0.2.9/24", nic("veth1")); // 250 ms later
  assertEquals((await poll(it, next))?.major, true);
});

Deno.test("affects with majorOnly remembers a change that affects until there is a major one", async () => {
  await using it = await setUp({ monitor: { ignoreInterface: ({ name }) => name === "eth0" } });
  const options = { affects: BOUND, initial: false, majorOnly: true, settleMs: 1_000 };
  const next = it.monitor.snapshots(options).getReader().read();
  const eth1 = nic("eth1", "198.51.100.1/24");
  await publish(it, "192.0.2.9/24", eth1); // affects, and is major
  await publish(it, "192.0.2.9/24"); // still affects, but the major part was undone
  await it.clock.advance(2_000);
  assertEquals(await poll(it, next), null);
  await publish(it, "192.0.2.9/24", eth1);
  await it.clock.advance(1_000);
  assertEquals((await poll(it, next))?.sequence, 4);
});

Deno.test("affects accepts listener.addr, and never delivers for a Unix socket", async () => {
  await using it = await setUp();
  const addr: Deno.Addr = { transport: "unix", path: "/run/x" };
  const next = it.monitor.snapshots({ affects: addr, initial: false }).getReader().read();
  await publish(it, "192.0.2.9/24");
  assertEquals(await poll(it, next), null);
});

Deno.test("affects of another type or text is a TypeError that names the option", async () => {
  await using it = await setUp();
  for (
    const affects of [null, "192.0.2.1", 1, {}, { hostname: "localhost" }, { hostname: "\x1b" }]
  ) {
    const error = assertThrows(
      () => it.monitor.snapshots({ affects } as SnapshotOptions),
      TypeError,
      "The option affects must be a local address",
    );
    assertEquals(error.message.includes("\x1b"), false);
  }
});

Deno.test("snapshots say why they are major, and the log does", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots().getReader();
  assertEquals((await reader.read()).value?.reasons, []);
  await publish(it, "192.0.2.9/24");
  await publish(it, "192.0.2.9/24", eth0("192.0.2.9/24"));
  await publish(it, "192.0.2.8/24");
  const { value } = await reader.read();
  const { major, reasons } = value!;
  assertEquals(major, true);
  assertEquals(
    reasons.map((reason) => "address" in reason && [reason.kind, reason.address.address]),
    [
      ["address-unusable", "192.0.2.1"],
      ["address-usable", "192.0.2.8"],
    ],
  );
  assertEquals(it.log.at("info"), [
    "Snapshot 2 is major: 192.0.2.1 is no longer usable on eth0; 192.0.2.9 is usable on eth0",
    "Snapshot 3 is major: 192.0.2.9 is no longer usable on eth0; 192.0.2.8 is usable on eth0",
  ]);
});

Deno.test("a minor snapshot has no reasons, nor has the first of a subscription", async () => {
  await using it = await setUp();
  it.source.set([{ ...eth0("192.0.2.1/24"), mtu: 1400 }]);
  it.source.announce();
  await it.clock.advance(250);
  assertEquals([it.monitor.current.sequence, it.monitor.current.reasons], [2, []]);
  await publish(it, "192.0.2.9/24");
  const { value } = await it.monitor.snapshots().getReader().read();
  assertEquals([value?.major, value?.reasons, value?.changes], [false, [], []]);
  assertEquals(it.monitor.current.reasons.length, 2);
});

Deno.test("a log line lists only a few reasons", async () => {
  await using it = await setUp();
  it.source.set([eth0(...Array.from({ length: 20 }, (_, i) => `192.0.2.${i + 1}/24`))]);
  it.source.announce();
  await it.clock.advance(250);
  assertEquals(it.monitor.current.reasons.length, 19);
  assertEquals(it.log.at("info")[0]?.endsWith("192.0.2.9 is usable on eth0; 11 more"), true);
});
