import { assertEquals, assertRejects } from "@std/assert";
import { addresses, eth0, nic, setUp } from "./support.ts";

Deno.test("waitFor() tries the current snapshot first", async () => {
  await using it = await setUp();
  assertEquals(await it.monitor.waitFor((state) => state.haveIpv4), it.monitor.current);
});

Deno.test("waitFor() resolves with the first publication that fits", async () => {
  await using it = await setUp();
  const waiting = it.monitor.waitFor((state) => state.interfaces.veth1 !== undefined);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.advance(250);
  it.source.set([eth0("192.0.2.2/24"), nic("veth1")]);
  it.source.announce();
  const snapshot = await waiting;
  assertEquals([snapshot.sequence, snapshot.changes.map((c) => c.kind)], [3, ["interface-added"]]);
});

Deno.test("waitFor() sees a state that lasted for one publication", async () => {
  await using it = await setUp({ monitor: { coalesceMs: 0 } });
  const waiting = it.monitor.waitFor((state) => state.localAddresses.regular[0] === "192.0.2.2");
  for (const address of ["192.0.2.2/24", "192.0.2.3/24"]) {
    it.source.set([eth0(address)]);
    it.source.announce();
    await it.clock.settle();
  }
  assertEquals(addresses(await waiting), ["192.0.2.2"]);
  assertEquals(addresses(it.monitor.current), ["192.0.2.3"]);
});

Deno.test("waitFor() rejects with what the predicate throws, at once and later", async () => {
  await using it = await setUp();
  await assertRejects(() =>
    it.monitor.waitFor(() => {
      throw new RangeError("Broken");
    }), RangeError);
  let calls = 0;
  const waiting = assertRejects(() =>
    it.monitor.waitFor(() => {
      if (++calls === 2) throw new RangeError("Broken");
      return false;
    }), RangeError);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await waiting;
  it.source.set([eth0("192.0.2.3/24")]);
  it.source.announce();
  await it.clock.advance(250);
  assertEquals([calls, it.monitor.current.sequence], [2, 3]);
});

Deno.test("waitFor() rejects with the reason of its signal", async () => {
  await using it = await setUp();
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("Enough");
  const waiting = assertRejects(() => it.monitor.waitFor(() => false, { signal }));
  controller.abort(reason);
  assertEquals(await waiting, reason);
  assertEquals(await assertRejects(() => it.monitor.waitFor(() => true, { signal })), reason);
});

Deno.test("waitFor() whose predicate aborts its own signal rejects", async () => {
  await using it = await setUp();
  const controller = new AbortController();
  const { signal } = controller;
  let calls = 0;
  await assertRejects(() =>
    it.monitor.waitFor(() => {
      calls++;
      controller.abort();
      return false;
    }, { signal }), DOMException);
  it.source.set([eth0("192.0.2.2/24")]);
  it.source.announce();
  await it.clock.settle();
  assertEquals([it.monitor.current.sequence, calls], [2, 1]);
});

Deno.test("waitFor() calls no predicate once another one has closed the monitor", async () => {
  const it = await setUp();
  let calls = 0;
  const closing = it.monitor.waitFor(({ interfaces }) => {
    if (interfaces.veth1) void it.monitor.close();
    return false;
  });
  const other = it.monitor.waitFor(() => ++calls > 1);
  const rejected = [closing, other].map((waiting) => assertRejects(() => waiting));
  it.source.set([eth0("192.0.2.2/24"), nic("veth1")]);
  it.source.announce();
  await Promise.all(rejected);
  assertEquals(calls, 1);
});

Deno.test("waitFor() may call refresh(), whose read begins after the publication", async () => {
  await using it = await setUp();
  const { read } = it.source.calls;
  const reads: number[] = [];
  let refreshed: Promise<unknown> = Promise.resolve();
  await it.monitor.waitFor((state) => {
    if (state.interfaces.veth1 === undefined) {
      it.source.set([eth0("192.0.2.2/24"), nic("veth1")]);
      it.source.announce();
      return false;
    }
    refreshed = it.monitor.refresh();
    reads.push(it.source.calls.read - read);
    return true;
  });
  await refreshed;
  assertEquals([...reads, it.source.calls.read - read], [0, 1]);
});

Deno.test("waitFor() rejects a bad predicate, a bad signal and bad options", async () => {
  await using it = await setUp();
  for (const options of [null, 5_000, "signal", AbortSignal.abort()]) {
    const waiting = () => it.monitor.waitFor(() => true, options as never);
    await assertRejects(waiting, TypeError, "The options must be an object");
  }
  const text = "The predicate must be a function, not 1";
  await assertRejects(() => it.monitor.waitFor(1 as never), TypeError, text);
  await assertRejects(() => it.monitor.waitFor(() => true, { signal: 1 as never }), TypeError);
  const misspelt = { singal: new AbortController().signal };
  await assertRejects(() => it.monitor.waitFor(() => true, misspelt as never), TypeError, "singal");
});
