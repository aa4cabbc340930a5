/**
 * A flood of address changes on the real kernel: it is read instead of received, while it goes on.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { NetworkMonitor } from "../../mod.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";

/** So many that the end of a dump's first datagram, after about 370 addresses, is often among them. */
const STABLE = Array.from({ length: 200 }, (_, i) => `10.5.0.${i}/32`);

/**
 * Addresses before and behind the stable ones come and go. After each datagram a dump skips as many addresses as it
 * has shown, so it leaves stable ones out if others before them went meanwhile. Linux lists addresses of scope link
 * first (__inet_insert_ifa() in net/ipv4/devinet.c).
 */
function flood(rounds: number): string[] {
  const commands: string[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const verb of ["add", "del"]) {
      for (let i = 0; i < 800; i++) {
        const address = `10.4.${i >> 8}.${i & 255}/32`;
        commands.push(`addr ${verb} ${address} dev v0 scope ${i % 4 === 0 ? "global" : "link"}`);
      }
    }
  }
  return commands;
}

namespaceTest(
  import.meta.url,
  "addresses that are there throughout a flood are in every snapshot",
  async () => {
    await ip("link add v0 type ifb");
    await ipBatch(["link set v0 up", ...STABLE.map((cidr) => `addr add ${cidr} dev v0`)]);
    await using monitor = await NetworkMonitor.open({ coalesceMs: 100, source: "events" });
    const missing: string[] = [];
    monitor.addEventListener("change", ({ snapshot: { sequence, state } }) => {
      const held = new Set(state.interfaces.v0!.addresses.map(({ cidr }) => cidr));
      for (const cidr of STABLE) if (!held.has(cidr)) missing.push(`${sequence}: ${cidr}`);
    });
    await ipBatch(flood(150));
    const { state } = await monitor.refresh();
    const ipv4 = state.interfaces.v0!.addresses.filter(({ family }) => family === "IPv4");
    assertEquals(ipv4.map(({ cidr }) => cidr), STABLE);
    const { fullReads, published } = monitor.metrics;
    assert(fullReads > 4 && published > 4, `${fullReads} reads, ${published} snapshots: no flood`);
    assertEquals(missing, []);
  },
);
