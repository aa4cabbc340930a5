import { assertEquals } from "@std/assert";
import { scriptedRoute } from "../../actor/testing.ts";
import { assertDeepFrozen } from "../support/frozen.ts";
import type { Interface } from "../../state/types.ts";
import { addresses, eth0, hold, nic, poll, publish, setUp, START } from "./support.ts";

Deno.test("majorOnly leaves out minor changes and adds them to the next major snapshot", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ majorOnly: true }).getReader();
  await reader.read();
  const next = reader.read();
  await publish(it, "192.0.2.1/24", nic("veth1"));
  await publish(it, "192.0.2.1/24", nic("veth1"), nic("veth2"));
  assertEquals(await poll(it, next), null);
  await publish(it, "192.0.2.2/24", nic("veth2"));
  const { value } = await next;
  assertEquals(value!.changes.map((change) => change.kind), [
    "interface-added",
    "address-removed",
    "address-added",
  ]);
  assertEquals(value!.major, true);
});

Deno.test("majorOnly skips a major change that was undone", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ majorOnly: true }).getReader();
  await reader.read();
  await publish(it, "192.0.2.2/24", nic("veth1"));
  await publish(it, "192.0.2.1/24", nic("veth1"));
  assertEquals(await poll(it, reader.read()), null);
});

Deno.test("majorOnly sees a major difference made of steps that ignoreInterface hides", async () => {
  const ignoreInterface = ({ name }: { name: string }) => name === "docker0";
  for (const reads of ["before", "after"]) {
    await using it = await setUp({ monitor: { ignoreInterface } });
    const nics = [eth0("192.0.2.1/24"), nic("docker0"), nic("wlan1", "192.0.2.9/24")];
    const by = async (name: string) => {
      it.source.set({ interfaces: nics, defaultRoute: { ipv4: scriptedRoute(name), ipv6: null } });
      it.source.announce();
      await it.clock.advance(250);
    };
    await by("eth0");
    const reader = it.monitor.snapshots({ majorOnly: true }).getReader();
    await reader.read();
    const early = reads === "before" ? reader.read() : null;
    await by("docker0");
    if (early) assertEquals(await poll(it, early), null);
    await by("wlan1");
    assertEquals((await (early ?? reader.read())).value!.major, true);
  }
});

Deno.test("a resume is delivered to majorOnly whatever its length", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ majorOnly: true }).getReader();
  await reader.read();
  it.source.emit({ kind: "resumed", at: START, sleptMs: 1_000 });
  const { value } = await reader.read();
  assertEquals([value!.cause, value!.major], ["resume", false]);
  assertEquals(value!.changes, [{ kind: "resumed", at: START, sleptMs: 1_000 }]);
});

Deno.test("a long sleep before a short one still makes the delivery major", async () => {
  for (const majorOnly of [true, false]) {
    await using it = await setUp();
    const reader = it.monitor.snapshots({ majorOnly }).getReader();
    await reader.read();
    it.source.emit({ kind: "resumed", at: START, sleptMs: 600_000 });
    it.source.emit({ kind: "resumed", at: START + 1, sleptMs: 1_000 });
    await it.clock.advance(500);
    const { value } = await reader.read();
    assertEquals([value!.state.sleptMs, value!.major, value!.causes], [1_000, true, ["resume"]]);
    assertDeepFrozen(value);
    it.source.emit({ kind: "resumed", at: START + 2, sleptMs: 1_000 });
    await it.clock.advance(500);
    assertEquals((await reader.read()).value!.major, false);
  }
});

Deno.test("settleMs holds a snapshot back until nothing has changed for that many milliseconds", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 100 } });
  const reader = it.monitor.snapshots({ settleMs: 1_000 }).getReader();
  assertEquals((await reader.read()).value!.sequence, 1); // the first comes at once
  const next = reader.read();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(700);
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.announce();
  await it.clock.advance(999);
  assertEquals(await poll(it, next), null);
  await it.clock.advance(1);
  assertEquals(addresses((await next).value!), ["192.0.2.3"]);
});

Deno.test("settleMaxMs ends the wait, by default at 4 x settleMs", async () => {
  for (const settleMaxMs of [undefined, 1_500]) {
    await using it = await setUp({ monitor: { coalesceMs: 100 } });
    const options = settleMaxMs === undefined ? {} : { settleMaxMs };
    const reader = it.monitor.snapshots({ settleMs: 1_000, ...options }).getReader();
    await reader.read();
    const next = reader.read();
    const begin = it.clock.monotonic();
    let took: number | null = null;
    void next.then(() => took = it.clock.monotonic() - begin);
    for (let n = 0; n < 100; n++) {
      it.source.set([eth0(`192.0.2.${n + 2}/24`)]);
      it.source.announce();
      await it.clock.advance(100);
    }
    assertEquals(took, settleMaxMs ?? 4_000);
  }
});

Deno.test("settleMs also runs while no read is pending", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ settleMs: 1_000 }).getReader();
  await reader.read();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(400);
  const next = reader.read();
  await it.clock.advance(599);
  assertEquals(await poll(it, next), null);
  await it.clock.advance(1);
  assertEquals(addresses((await next).value!), ["192.0.2.2"]);
  assertEquals(it.clock.pending, 1);
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.announce();
  await it.clock.advance(1_000);
  assertEquals(addresses((await poll(it, reader.read()))!), ["192.0.2.3"]);
});

Deno.test("with majorOnly, settleMs runs from the last major change, also while no read is pending", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ majorOnly: true, settleMs: 1_000 }).getReader();
  await reader.read();
  await publish(it, "192.0.2.1/24", nic("veth1"));
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.3/24");
  await it.clock.advance(499);
  await publish(it, "192.0.2.3/24", nic("veth1")); // 999 ms after the last major change
  const next = reader.read();
  assertEquals(await poll(it, next), null);
  await it.clock.advance(1);
  assertEquals((await poll(it, next))?.sequence, 5);
});

Deno.test("settleMs delivers nothing when the changes were undone, and starts again", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  const reader = it.monitor.snapshots({ settleMs: 1_000 }).getReader();
  await reader.read();
  const next = reader.read();
  await publish(it, "192.0.2.2/24");
  await publish(it, "192.0.2.1/24");
  await it.clock.advance(10_000);
  assertEquals(await poll(it, next), null);
  assertEquals(it.clock.pending, 1);
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.announce();
  await it.clock.advance(999);
  assertEquals(await poll(it, next), null);
  await it.clock.advance(1);
  assertEquals((await next).value!.changes.length, 2);
});

Deno.test("minor changes do not extend settleMs with majorOnly", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 100 } });
  const reader = it.monitor.snapshots({ settleMs: 1_000, majorOnly: true }).getReader();
  await reader.read();
  const next = reader.read();
  const begin = it.clock.monotonic();
  let took: number | null = null;
  void next.then(() => took = it.clock.monotonic() - begin);
  for (let n = 0; n < 20; n++) {
    it.source.set([eth0("192.0.2.2/24"), ...(n % 2 ? [nic("veth1")] : [])]);
    it.source.announce();
    await it.clock.advance(100);
  }
  assertEquals(took, 1_000);
});

Deno.test("a stream that settles follows ref() and unref()", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ settleMs: 1_000 }).getReader();
  await reader.read();
  void reader.read();
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  assertEquals([it.clock.pending, it.clock.pendingRefd], [2, 2]);
  it.monitor.unref();
  assertEquals(it.clock.pendingRefd, 0);
});

Deno.test("settling that ends together with a window waits for what the window publishes, each time", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ settleMs: 250 }).getReader();
  await reader.read();
  const next = reader.read();
  await hold(it, "192.0.2.2/24", 100); // published now; settling and the window end 250 ms from here
  await hold(it, "192.0.2.3/24", 300); // published when they end, so both begin anew
  await hold(it, "192.0.2.1/24", 10_000); // back when they end again
  assertEquals(await poll(it, next), null);
});

Deno.test("settling that ended before the read waits for a pending event, also after a delivery", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 1_000 } });
  const reader = it.monitor.snapshots({ settleMs: 100, settleMaxMs: 10_000 }).getReader();
  await reader.read();
  await hold(it, "192.0.2.2/24", 1_000);
  assertEquals(addresses((await reader.read()).value!), ["192.0.2.2"]);
  await hold(it, "192.0.2.3/24", 200);
  await hold(it, "192.0.2.2/24", 100); // published in 700 ms
  const next = reader.read();
  await it.clock.advance(5_000);
  assertEquals(await poll(it, next), null);
});

Deno.test("settling that waits for a window ends with it when it publishes nothing", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ settleMs: 100, settleMaxMs: 10_000 }).getReader();
  await reader.read();
  const next = reader.read();
  await hold(it, "192.0.2.2/24", 50);
  it.source.emit({ kind: "changed" }); // changes nothing, but its view waits for the window
  await it.clock.advance(199);
  assertEquals(await poll(it, next), null);
  await it.clock.advance(2);
  assertEquals((await poll(it, next))?.changes.length, 2);
});

Deno.test("a major difference made of minor steps settles from its last step on, each time", async () => {
  await using it = await setUp({ monitor: { ignoreInterface: ({ name }) => name === "docker0" } });
  const interfaces = [eth0("192.0.2.1/24"), nic("docker0"), nic("wlan1", "192.0.2.9/24")];
  const by = async (name: string) => {
    it.source.set({ interfaces, defaultRoute: { ipv4: scriptedRoute(name), ipv6: null } });
    it.source.announce();
    await it.clock.advance(250);
  };
  await by("eth0");
  const reader = it.monitor.snapshots({ majorOnly: true, settleMs: 1_000 }).getReader();
  await reader.read();
  for (const name of ["wlan1", "eth0"]) {
    const next = reader.read();
    await by("docker0");
    await by(name);
    await it.clock.advance(749);
    assertEquals(await poll(it, next), null);
    await it.clock.advance(1);
    assertEquals((await poll(it, next))?.state.defaultRouteInterface, name);
    await it.clock.advance(10_000);
  }
});

Deno.test("minor changes do not extend settleMs after minor steps that add up to a major one", async () => {
  await using it = await setUp({ monitor: { ignoreInterface: ({ name }) => name === "docker0" } });
  const interfaces = [eth0("192.0.2.1/24"), nic("docker0"), nic("wlan1", "192.0.2.9/24")];
  const by = async (name: string, ...more: Interface[]) => {
    const defaultRoute = { ipv4: scriptedRoute(name), ipv6: null };
    it.source.set({ interfaces: [...interfaces, ...more], defaultRoute });
    it.source.announce();
    await it.clock.advance(250);
  };
  await by("eth0");
  const reader = it.monitor.snapshots({ majorOnly: true, settleMs: 1_000 }).getReader();
  await reader.read();
  const next = reader.read();
  await by("docker0");
  for (let n = 0; n < 4; n++) await by("wlan1", ...(n % 2 ? [nic("veth1")] : []));
  assertEquals((await poll(it, next))?.state.defaultRouteInterface, "wlan1");
});

Deno.test("settleMs 0 waits for nothing, whatever settleMaxMs is", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ settleMs: 0, settleMaxMs: 10_000 }).getReader();
  await reader.read();
  await hold(it, "192.0.2.2/24", 100);
  await hold(it, "192.0.2.3/24", 50); // is published in 100 ms
  assertEquals(addresses((await poll(it, reader.read()))!), ["192.0.2.2"]);
});

Deno.test("a settling stream sets no timer while there is nothing to deliver", async () => {
  await using it = await setUp();
  const { pending } = it.clock;
  const options = { initial: false, majorOnly: true, settleMs: 10_000 };
  const next = it.monitor.snapshots(options).getReader().read();
  assertEquals(it.clock.pending, pending);
  await publish(it, "192.0.2.1/24", nic("veth1"));
  await it.clock.advance(250); // the window
  assertEquals([it.monitor.current.sequence, it.clock.pending], [2, pending]);
  assertEquals(await poll(it, next), null);
});

Deno.test("a stream that settles has one timer, however many changes come meanwhile", async () => {
  await using it = await setUp();
  const reader = it.monitor.snapshots({ initial: false, settleMs: 1_000 }).getReader();
  const next = reader.read();
  await publish(it, "192.0.2.2/24");
  const { pending } = it.clock;
  for (const last of [3, 4, 5]) await publish(it, `192.0.2.${last}/24`);
  assertEquals(it.clock.pending, pending);
  await it.clock.advance(1_000);
  assertEquals((await next).value?.state.localAddresses.regular, ["192.0.2.5"]);
  await reader.cancel();
});
