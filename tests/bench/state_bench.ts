/**
 * The cost of one event: building a state from a reading in which one thing changed and the rest is shared, and
 * its difference from the previous state. The groups compare many interfaces, and many addresses, with few.
 *
 * @module
 */
import { buildState } from "../../state/build.ts";
import { diffStates } from "../../state/diff.ts";
import { formatIp, parseIp } from "../../state/ip.ts";
import { isMajorChange } from "../../state/impact.ts";
import { normalizeInterface } from "../../state/normalize.ts";
import type { Reading } from "../../state/ports.ts";
import type { Interface, State } from "../../state/types.ts";
import { address, nic, reading, route } from "../support/states.ts";

for (const count of [10, 2_000, 10_000]) {
  const foreign = interfaces(count);
  const shared = foreign.map((one) => normalizeInterface(one));
  let state = buildState(read(shared), null);
  let mtu = 1500;
  Deno.bench(`one event among ${count} interfaces`, { group: "interfaces" }, () => {
    mtu = mtu === 1500 ? 1400 : 1500;
    const changed = normalizeInterface({ ...shared[5] as Interface, mtu }, shared[5]);
    state = publish(state, read(shared.with(5, changed)));
  });
  Deno.bench(`an equal dump of ${count} interfaces`, { group: "dump" }, () => {
    publish(state, read(foreign));
  });
  Deno.bench(`the first state of ${count} interfaces`, { group: "first" }, () => {
    buildState(read(foreign), null);
  });
}

for (const count of [10, 10_000]) {
  const addresses = Array.from({ length: count }, (_, i) => address(cidr(i, i * 7919 % count)));
  let eth0 = normalizeInterface(nic("eth0", { addresses }));
  let state = buildState(read([eth0]), null);
  let deprecated = false;
  Deno.bench(`one event among ${count} addresses`, { group: "addresses" }, () => {
    deprecated = !deprecated;
    const changed = addresses.with(7, { ...addresses[7]!, deprecated });
    eth0 = normalizeInterface(nic("eth0", { addresses: changed }), eth0);
    state = publish(state, read([eth0]));
  });
  Deno.bench(`the first state of ${count} addresses`, { group: "first" }, () => {
    buildState(read([nic("eth0", { addresses })]), null);
  });
}

for (const text of ["192.0.2.1", "2001:db8::211:22ff:fe33:4455"]) {
  const bytes = parseIp(text)!;
  Deno.bench(`formatIp() of ${text}`, { group: "format" }, () => {
    formatIp(bytes);
  });
}

/** The computation of one publication. */
function publish(previous: State, given: Reading): State {
  const next = buildState(given, null, previous);
  if (diffStates(previous, next).length > 0) isMajorChange(previous, next);
  return next;
}

function interfaces(count: number): Interface[] {
  return Array.from({ length: count }, (_, i) =>
    nic(`veth${i}`, {
      index: i + 1,
      addresses: [`10.0.${i >> 8}.${i & 255}/24`, `fe80::${(i + 1).toString(16)}/64`],
    }));
}

function cidr(i: number, n: number): string {
  return i % 2 === 0 ? `10.0.${n >> 8}.${n & 255}/24` : `2001:db8::${n.toString(16)}/64`;
}

function read(list: Interface[]): Reading {
  return reading({ interfaces: list, ipv4: route("veth0", { gateway: "10.0.0.254" }) });
}
