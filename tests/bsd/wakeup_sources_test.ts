/**
 * Which wake-up source reports which change, on a simulated Mac and on FreeBSD.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Machine, startMachine } from "./machine.ts";
import type { SimulatedKernelOptions } from "./simulated_kernel.ts";
import type { SimulatedNetwork } from "./simulated_network.ts";

type Without = NonNullable<SimulatedKernelOptions["without"]>;

const EVERYTHING: Without = [];
const SOCKET_ONLY: Without = ["kernel-events", "network_change"];
const NOTIFICATION: Without = ["kernel-events"];
const EVENTS: Without = ["network_change"];

/** A change, and who reports it. */
interface Case {
  name: string;
  /** Prepares the network. */
  before?: (network: SimulatedNetwork) => void;
  change: (network: SimulatedNetwork) => void;
  reported: {
    /** A Mac with all wake-up sources. */
    mac: boolean;
    /** A Mac with the routing socket alone. */
    socket: boolean;
    /** With configd's notification beside it. */
    notification: boolean;
    /** With kernel events beside it. */
    events: boolean;
    freebsd: boolean;
  };
}

const ALL = { mac: true, socket: true, notification: true, events: true, freebsd: true };
/** xnu posts a kernel event only; FreeBSD sends a routing message. */
const EVENTS_ONLY = { ...ALL, socket: false, notification: false };

const CASES: readonly Case[] = [
  {
    name: "an address in a new subnet",
    change: (network) => network.addAddress("en0", "198.51.100.7/24"),
    reported: ALL,
  },
  {
    name: "a second address in a subnet",
    change: (network) => network.addAddress("en0", "192.0.2.8/24"),
    reported: EVENTS_ONLY,
  },
  {
    name: "an address that is removed",
    change: (network) => network.removeAddress("en0", "192.0.2.7/24"),
    reported: ALL,
  },
  {
    name: "a second address in a subnet that is removed",
    before: (network) => network.addAddress("en0", "192.0.2.8/24"),
    change: (network) => network.removeAddress("en0", "192.0.2.8/24"),
    reported: EVENTS_ONLY,
  },
  {
    name: "an address of a tunnel without a peer",
    before: (network) => network.create("utun3"),
    change: (network) => network.addAddress("utun3", "10.8.0.2/24"),
    reported: EVENTS_ONLY,
  },
  {
    name: "an IPv6 address",
    change: (network) => network.addAddress("en0", "2001:db8::7/64"),
    reported: ALL,
  },
  {
    name: "an address that has passed its check",
    before: (network) => network.addTentative("en0", "2001:db8::7/64"),
    change: (network) => network.finishCheck("en0", "2001:db8::7"),
    reported: { ...EVENTS_ONLY, freebsd: false },
  },
  {
    name: "an interface that is created",
    change: (network) => network.create("utun3"),
    reported: EVENTS_ONLY,
  },
  {
    name: "an interface that is destroyed",
    before: (network) => {
      network.create("utun3");
      network.addAddress("utun3", "10.8.0.2/24", { other: "10.8.0.1" });
    },
    change: (network) => network.destroy("utun3"),
    reported: EVENTS_ONLY,
  },
  {
    name: "an unplugged cable",
    change: (network) => network.setCarrier("en0", false),
    reported: EVENTS_ONLY,
  },
  {
    name: "an interface that goes down",
    change: (network) => network.setUp("en0", false),
    reported: ALL,
  },
  { name: "an MTU change", change: (network) => network.setMtu("en0", 1_400), reported: ALL },
  {
    name: "another default route",
    change: (network) => network.setDefaultRoute("en0", "192.0.2.254"),
    reported: ALL,
  },
];

const LISTENERS: readonly [keyof Case["reported"], "darwin" | "freebsd", Without][] = [
  ["mac", "darwin", EVERYTHING],
  ["socket", "darwin", SOCKET_ONLY],
  ["notification", "darwin", NOTIFICATION],
  ["events", "darwin", EVENTS],
  ["freebsd", "freebsd", EVERYTHING],
];

for (const { before, change, name, reported } of CASES) {
  Deno.test(`${name} is reported by some sources, and found by reconcile without them`, async () => {
    for (const [listener, os, without] of LISTENERS) {
      await using machine = await startMachine({ os, without });
      before?.(machine.network);
      await machine.monitor.refresh();
      await machine.pass(1_000);
      const { sequence } = machine.monitor.current;
      change(machine.network);
      await machine.pass(1_000);
      const published = machine.monitor.current.sequence > sequence;
      assertEquals(published, reported[listener], `${listener}`);
      await machine.pass(16_050);
      assertEquals(machine.monitor.current.sequence > sequence, true, `${listener}: reconcile`);
      await isCurrent(machine);
    }
  });
}

Deno.test("health names the open wake-up sources", async () => {
  for (
    const [without, listeners] of [
      [EVERYTHING, ["route", "network_change", "kernel-events"]],
      [NOTIFICATION, ["route", "network_change"]],
      [EVENTS, ["route", "kernel-events"]],
      [SOCKET_ONLY, ["route"]],
    ] as const
  ) {
    await using machine = await startMachine({ without });
    assertEquals(machine.monitor.health.listeners, listeners);
    assertEquals(machine.monitor.health.status, "live");
  }
  const filterless = await startMachine({ without: ["kernel-event-filter"] });
  assertEquals(filterless.monitor.health.listeners, ["route", "network_change"]);
  await filterless[Symbol.asyncDispose]();
  assertEquals(filterless.kernel.open, 0);
  await using freebsd = await startMachine({ os: "freebsd" });
  assertEquals(freebsd.monitor.health.listeners, ["route"]);
});

Deno.test("the notification's pipe never fills up, because it is drained", async () => {
  await using machine = await startMachine({ without: SOCKET_ONLY.slice(0, 1) });
  // The pipe holds 16 tokens.
  for (let i = 0; i < 100; i++) {
    machine.network.setDefaultRoute("en0", `192.0.2.${i + 1}`);
    if (i % 10 === 9) await machine.settle();
  }
  machine.kernel.stall();
  await machine.pass(500);
  machine.network.setDefaultRoute("en0", "192.0.2.200");
  await machine.pass(500);
  assertEquals(machine.monitor.current.state.defaultRoute.ipv4?.gateway, "192.0.2.200");
});

Deno.test("AWDL's neighbours and multicast groups cost no read", async () => {
  await using machine = await startMachine();
  const { kernel, network } = machine;
  network.create("awdl0");
  await machine.pass(1_000);
  const { sysctl } = kernel.calls;
  for (let i = 0; i < 200; i++) {
    network.joinGroup("awdl0", "ff02::fb");
    network.post(2, i % 2 === 0 ? 21 : 22);
    network.post(2, 20);
  }
  await machine.pass(1_000);
  assertEquals(kernel.calls.sysctl, sysctl);
});

Deno.test("a group that is joined on an unknown interface leads to a read, once", async () => {
  await using machine = await startMachine({ without: SOCKET_ONLY });
  const { kernel, monitor, network } = machine;
  await machine.pass(1_000);
  network.create("utun3");
  network.joinGroup("utun3", "ff02::1");
  await machine.pass(1_000);
  assertEquals(Object.keys(monitor.current.state.interfaces), ["lo0", "en0", "utun3"]);
  assertEquals(monitor.current.state.interfaces.utun3?.kind, "tunnel");
  const { sysctl } = kernel.calls;
  network.joinGroup("utun3", "ff02::fb");
  await machine.pass(1_000);
  assertEquals(kernel.calls.sysctl, sysctl);
});

/** A full read finds no difference from what is published. */
async function isCurrent({ monitor }: Machine): Promise<void> {
  const { sequence } = monitor.current;
  await monitor.refresh();
  assertEquals(monitor.current.sequence, sequence);
}
