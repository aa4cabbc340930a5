/**
 * How many system calls an event costs: one blocking poll, nothing that interrupts it, few others.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { type LibcFunctions, Syscalls } from "../../ffi/linux/syscalls.ts";
import { LinuxRuntime, LinuxSource } from "../../ffi/linux/source.ts";
import { NetworkMonitor } from "../../mod.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { openLibc } from "../support/real_libc.ts";
import { NetworkChanger } from "../support/rtnetlink.ts";

/** Farther apart than `coalesceMs`, so that each event is published by itself. */
const APART_MS = 330;

/** The functions, with their calls counted. */
function counted(libc: LibcFunctions): { libc: LibcFunctions; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const wrapped = Object.fromEntries(
    Object.entries(libc).map(([name, call]) => [name, (...args: unknown[]) => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      return (call as (...args: unknown[]) => unknown)(...args);
    }]),
  );
  return { libc: wrapped as unknown as LibcFunctions, calls };
}

/** The calls of a monitor while the network changes: each change is an event of its own. */
async function countCalls(
  events: number,
  change: (changer: NetworkChanger, i: number) => void | Promise<void>,
): Promise<Record<string, number>> {
  const { close, libc } = openLibc();
  const { calls, libc: functions } = counted(libc);
  const runtime = new LinuxRuntime(new Syscalls(functions), close);
  const source = new LinuxSource(runtime, {}, () => runtime.dispose());
  const monitor = await NetworkMonitor.open({ source, reconcileIntervalMs: Infinity });
  using changer = new NetworkChanger();
  const iterator = monitor.snapshots({ initial: false })[Symbol.asyncIterator]();
  await delay(APART_MS);
  calls.clear();
  for (let i = 0; i < events; i++) {
    const next = iterator.next();
    await change(changer, i);
    assertEquals((await next).value?.changes.length, 1);
    await delay(APART_MS);
  }
  const counts = Object.fromEntries(calls);
  await monitor.close();
  await source[Symbol.asyncDispose]();
  return counts;
}

/** A cable without automatic addresses, whose messages would come at any time. */
const CABLE = [
  "link add v0 type veth peer name v1",
  "link set v0 addrgenmode none",
  "link set v1 addrgenmode none",
  "link set v1 up",
  "link set v0 up",
  "addr add 192.0.2.7/24 dev v0",
];

namespaceTest(
  import.meta.url,
  "30 isolated events cost one blocking poll each and no traffic on the wake-up descriptor",
  async () => {
    await ip("link set lo up");
    const events = 30;
    const counts = await countCalls(events, (changer, i) => {
      changer.addAddress(1, Uint8Array.of(10, 0, 0, i), 32);
    });
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    assertEquals(counts["poll_blocking"], events);
    // makes the wake-up descriptor readable, and quiet again
    assertEquals(counts["timerfd_settime"], undefined);
    assert(total <= events * 20, `${total / events} calls an event: ${JSON.stringify(counts)}`);
    console.log(`${total / events} calls an event: ${JSON.stringify(counts)}`);
  },
);

namespaceTest(
  import.meta.url,
  "an address that no default route needs comes and goes without a route lookup",
  async () => {
    await ipBatch([
      ...CABLE,
      "route add default via 192.0.2.1",
    ]);
    const [{ ifindex }] = JSON.parse(await ip("-j link show dev v0"));
    const events = 10;
    const counts = await countCalls(events, (changer, i) => {
      const address = Uint8Array.of(198, 51, 100, 7);
      if (i % 2 === 0) changer.addAddress(ifindex, address, 32);
      else changer.deleteAddress(ifindex, address, 32);
    });
    assertEquals({ polls: counts["poll_blocking"], lookups: counts["send"] }, {
      polls: events,
      lookups: undefined,
    });
  },
);

// a router that takes a full BGP table kept others at 150 to 300 % CPU (tailscale#7621)
namespaceTest(
  import.meta.url,
  "2,000 routes that cannot be a default route come and go without a wake-up",
  async () => {
    await ipBatch([
      ...CABLE,
      "addr add 2001:db8::7/64 dev v0 nodad",
    ]);
    const routes = Array.from({ length: 1_000 }, (_, i) => [
      `10.${i >> 8}.${i & 255}.0/24 via 192.0.2.1`,
      `2001:db8:${i + 1}::/48 via 2001:db8::1`,
    ]).flat();
    const counts = await countCalls(1, async (changer) => {
      for (const verb of ["add", "del"]) await ipBatch(routes.map((it) => `route ${verb} ${it}`));
      changer.addAddress(1, Uint8Array.of(10, 0, 0, 1), 32);
    });
    assertEquals(counts["poll_blocking"], 1, JSON.stringify(counts));
  },
);
