/**
 * What one event costs: a state built from a reading in which one interface changed and the others are
 * shared, and the difference to the state before. The group compares 2,000 interfaces with 10.
 *
 * @module
 */
import { buildState } from "../../state/build.ts";
import { normalizeInterface } from "../../state/normalize.ts";
import { diffStates } from "../../state/diff.ts";
import { equalStates } from "../../state/diff.ts";
import { formatIp } from "../../state/ip.ts";
import { isMajorChange } from "../../state/major.ts";
import type { Reading } from "../../state/source.ts";
import type { Interface } from "../../state/types.ts";
import { nic, reading, route } from "../support/states.ts";

for (const count of [10, 2_000]) {
  const foreign = interfaces(count);
  const shared = foreign.map((nic) => normalizeInterface(nic));
  const previous = buildState(read(shared), null);
  let mtu = 1500;
  Deno.bench(`one event among ${count} interfaces`, { group: "event" }, () => {
    mtu = mtu === 1500 ? 1400 : 1500;
    const changed = normalizeInterface({ ...shared[5] as Interface, mtu });
    const next = buildState(read(shared.with(5, changed)), null, previous);
    if (!equalStates(previous, next)) {
      diffStates(previous, next);
      isMajorChange(previous, next);
    }
  });
  Deno.bench(`first state of ${count} interfaces`, { group: "first" }, () => {
    buildState(read(foreign), null);
  });
}

const IPV4 = Uint8Array.of(192, 0, 2, 1);
const IPV6 = Uint8Array.of(
  0x20,
  1,
  0xd,
  0xb8,
  0,
  0,
  0,
  0,
  2,
  0x11,
  0x22,
  0xff,
  0xfe,
  0x33,
  0x44,
  0x55,
);

Deno.bench("formatIp() of IPv4", { group: "format" }, () => {
  formatIp(IPV4);
});

Deno.bench("formatIp() of IPv6", { group: "format" }, () => {
  formatIp(IPV6);
});

function interfaces(count: number): Interface[] {
  return Array.from({ length: count }, (_, i) =>
    nic(`veth${i}`, {
      index: i + 1,
      addresses: [`10.0.${i >> 8}.${i & 255}/24`, `fe80::${(i + 1).toString(16)}/64`],
    }));
}

function read(list: Interface[]): Reading {
  return reading({ interfaces: list, ipv4: route("veth0", { gateway: "10.0.0.254" }) });
}
