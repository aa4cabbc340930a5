/**
 * Many messages at once, too many, and a descriptor that goes away: on the real kernel.
 *
 * @module
 */
import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { EventSocket } from "../../ffi/event_socket.ts";
import { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import type { Watch } from "../../ffi/poll_loop.ts";
import { readDump } from "../../ffi/linux/requests.ts";
import { formatEvent } from "../../ffi/linux/messages.ts";
import { NetlinkEventSocket } from "../../ffi/linux/event_socket.ts";
import type { SourceEvent } from "../../state/ports.ts";
import { withoutDad } from "../support/dad.ts";
import { Harm } from "../support/harm.ts";
import { ip, namespaceTest } from "../support/netns.ts";
import { CountingSyscalls, openRuntime } from "../support/real_libc.ts";
import { NetworkChanger } from "../support/rtnetlink.ts";
import { scaled } from "../support/timing.ts";
import { WatchedMonitor } from "../support/watched_monitor.ts";

const LO = 1;
/** Fits into 208 KiB, the usual net.core.rmem_max: in a user namespace the kernel grants no more. */
const QUEUED = 400;

/** 10.0.0.0, 10.0.0.1 … */
function numbered(i: number): Uint8Array {
  return Uint8Array.of(10, i >> 16, (i >> 8) & 0xff, i & 0xff);
}

/** Adds so many addresses while the event loop stands still. */
function addAddresses(changer: NetworkChanger, first: number, count: number): void {
  for (let i = first; i < first + count; i++) changer.addAddress(LO, numbered(i), 32);
}

namespaceTest(
  import.meta.url,
  "400 address messages queued while the event loop is blocked are read on one readiness",
  async () => {
    const { runtime, syscalls } = openRuntime((libc) => new CountingSyscalls(libc));
    using changer = new NetworkChanger();
    const counters = { events: 0, ignored: 0, malformed: 0, spoofed: 0 };
    const socket = runtime.takeSocket();
    const dump = await readDump(socket, new AbortController().signal);
    runtime.releaseSocket(socket);
    const subscription = new LinuxSubscription({
      runtime,
      receiveBufferBytes: 64 * 1_048_576,
      counters,
    });
    subscription.adopt(dump);
    const received: SourceEvent[] = [];
    const iterating = (async () => {
      for await (const event of subscription) received.push(event);
    })();
    // The poll is in progress before anything is queued.
    while (syscalls.polls === 0) await delay(1);

    addAddresses(changer, 0, QUEUED);
    while (counters.events < QUEUED) await delay(1);
    assertEquals(counters, { events: QUEUED, ignored: 0, malformed: 0, spoofed: 0 });
    assertEquals(syscalls.readinesses(subscription.port.descriptor), 1);
    assert(received.length <= 40 && received.every(({ kind }) => kind === "changed"));
    const lo = subscription.view()?.interfaces.find((nic) => nic.index === LO);
    assertEquals(lo?.addresses.length, QUEUED);

    await subscription[Symbol.asyncDispose]();
    await iterating;
    await runtime.dispose();
  },
);

namespaceTest(
  import.meta.url,
  "an overflow leads to a full read at once, is among the causes and is counted once",
  async () => {
    using changer = new NetworkChanger();
    await using watched = await WatchedMonitor.open(
      { reconcileIntervalMs: Infinity },
      { receiveBufferBytes: 1 },
    );
    for (let round = 1; round <= 5; round++) {
      const seen = watched.snapshots.length;
      addAddresses(changer, (round - 1) * 1_000, 1_000);
      await watched.until("all addresses", () => watched.addresses("lo").length === round * 1_000);
      await watched.until(
        "the record",
        () => watched.snapshots.slice(seen).some((it) => it.causes.includes("overflow")),
      );
      assertEquals(watched.monitor.metrics.overflows, round);
    }
    const { driftsFound, fullReads, reopens } = watched.monitor.metrics;
    assertEquals([driftsFound, fullReads, reopens], [0, 6, 0]);
    assertEquals(watched.monitor.health.status, "live");
    assertEquals(watched.log, []);
  },
);

namespaceTest(
  import.meta.url,
  "messages that the kernel drops after an overflow, until the queue is empty, count as another one",
  async () => {
    const { runtime, syscalls } = openRuntime((libc) => new CountingSyscalls(libc));
    using changer = new NetworkChanger();
    const port = new NetlinkEventSocket(syscalls, 1);
    addAddresses(changer, 0, QUEUED); // more than fit
    const receive = port.receive.bind(port);
    let receives = 0; // the first one fails with ENOBUFS
    port.receive = (events) => {
      // dropped, without another error: the queue is not empty yet
      if (++receives === 2) addAddresses(changer, QUEUED, 1);
      return receive(events);
    };
    const { events } = new EventSocket(port, {} as Watch).drain();
    assertEquals(events.at(0)?.kind, "overflow");
    assertEquals(events.at(-1)?.kind, "overflow");
    const texts = events.map(formatEvent);
    assert(texts.some((it) => it.includes("10.0.0.1/32")), texts.join("\n"));
    assert(!texts.some((it) => it.includes("10.0.1.144/32")), "the last address was not dropped");
    port.close();
    await runtime.dispose();
  },
);

namespaceTest(
  import.meta.url,
  "overflows one after another, also during a full read, end in the correct state",
  async () => {
    using changer = new NetworkChanger();
    await using watched = await WatchedMonitor.open(
      { reconcileIntervalMs: Infinity },
      { receiveBufferBytes: 1 },
    );
    for (let burst = 0; burst < 60; burst++) {
      for (let i = 0; i < 40; i++) {
        if (burst % 2 === 0) changer.addAddress(LO, numbered(burst * 20 + i), 32);
        else changer.deleteAddress(LO, numbered((burst - 1) * 20 + i), 32);
      }
      // Into the read that the last one caused.
      await delay(burst % 5);
    }
    changer.addAddress(LO, numbered(77_777), 32);
    await watched.untilAddress("lo", "10.1.47.209/32");
    await watched.until("only that one", () => watched.addresses("lo").length === 1);
    assert(watched.monitor.metrics.overflows > 0);
    assertEquals(watched.monitor.metrics.driftsFound, 0);
  },
);

namespaceTest(
  import.meta.url,
  "a closed descriptor is found by the next event, and the monitor receives events again",
  async () => {
    using changer = new NetworkChanger();
    using harm = new Harm();
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: Infinity });
    const socket = watched.source.last;
    harm.close(watched.descriptor);
    addAddresses(changer, 1, 1);
    const { causes } = await watched.untilAddress("lo", "10.0.0.1/32");
    assertEquals(causes, ["reopen"]);
    await watched.until("live", () => watched.monitor.health.status === "live");
    assertNotStrictEquals(watched.source.last, socket);
    assertEquals(watched.monitor.metrics.reopens, 1);
    assertEquals(watched.log.map((it) => [it.level, it.status]), [
      ["warn", "degraded"],
      ["info", "live"],
    ]);
    addAddresses(changer, 2, 1);
    assertEquals((await watched.untilAddress("lo", "10.0.0.2/32")).causes, ["event"]);
  },
);

namespaceTest(
  import.meta.url,
  "a closed descriptor is found by the canary, and its number is nobody's to close",
  async () => {
    withoutDad();
    await ip("link set lo up");
    using changer = new NetworkChanger();
    using harm = new Harm();
    await using watched = await WatchedMonitor.open({ reconcileIntervalMs: scaled(200) });
    harm.close(watched.descriptor);
    // The number is taken over by somebody else, as the kernel gives the lowest one that is free.
    using file = await Deno.open("/proc/self/status");
    await watched.until("healing", () => watched.log.some((it) => it.level === "info"));
    assertEquals(watched.monitor.metrics.reopens, 1);
    assert((await file.read(new Uint8Array(16)) ?? 0) > 0);
    addAddresses(changer, 2, 1);
    assertEquals((await watched.untilAddress("lo", "10.0.0.2/32")).causes, ["event"]);
  },
);
