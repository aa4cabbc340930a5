/**
 * Everything delivered is typed `readonly` and frozen: each line below must neither compile nor run.
 * `@ts-expect-error` fails the type check as soon as one of them compiles.
 *
 * @module
 */
import { assertThrows } from "@std/assert";
import { diffStates } from "../../state/diff.ts";
import type { Reading } from "../../state/ports.ts";
import type { Change, Snapshot, State } from "../../state/types.ts";
import { usableAddresses } from "../../state/interfaces.ts";
import { majorReasons } from "../../state/impact.ts";
import { nic, route, state } from "../support/states.ts";

const STATE = state({
  interfaces: [nic("eth0", { addresses: ["192.0.2.1/24"] })],
  ipv4: route("eth0", { gateway: "192.168.0.1" }),
});

const MUTATIONS: Record<string, (value: State) => void> = {
  // @ts-expect-error: readonly array
  "local addresses": (value) => value.localAddresses.regular.push("192.0.2.2"),
  // @ts-expect-error: readonly property
  "list of local addresses": (value) => value.localAddresses.loopback = [],
  // @ts-expect-error: readonly record
  "record of interfaces": (value) => value.interfaces.eth1 = value.interfaces.eth0!,
  // @ts-expect-error: readonly record
  "interface in the record": (value) => delete value.interfaces.eth0,
  // @ts-expect-error: readonly property
  "interface": (value) => value.interfaces.eth0!.mtu = 1,
  // @ts-expect-error: readonly array
  "addresses": (value) => value.interfaces.eth0!.addresses.pop(),
  // @ts-expect-error: readonly property
  "address": (value) => value.interfaces.eth0!.addresses[0]!.tentative = true,
  // @ts-expect-error: readonly property
  "default routes": (value) => value.defaultRoute.ipv4 = null,
  // @ts-expect-error: readonly property
  "default route": (value) => value.defaultRoute.ipv4!.metric = 1,
  // @ts-expect-error: readonly property
  "home router": (value) => value.homeRouter!.gateway = "10.0.0.1",
  // @ts-expect-error: readonly property
  "what the source knows": (value) => value.knows.routes = false,
  // @ts-expect-error: readonly property
  "state": (value) => value.haveIpv4 = false,
  // @ts-expect-error: readonly property
  "online": (value) => value.online = true,
  // @ts-expect-error: readonly property
  "host-only": (value) => value.interfaces.eth0!.hostOnly = true,
  // @ts-expect-error: readonly array
  "reasons": (value) => majorReasons(state(), value).pop(),
  // @ts-expect-error: readonly property
  "reason": (value) => majorReasons(state(), value)[0]!.kind = "resumed",
  // @ts-expect-error: readonly array
  "usable addresses": (value) => usableAddresses(value).pop(),
  // @ts-expect-error: readonly array
  "changes": (value) => diffStates(state(), value).pop(),
};

for (const [what, mutate] of Object.entries(MUTATIONS)) {
  Deno.test(`a delivered state is readonly: ${what}`, () => {
    assertThrows(() => mutate(STATE), TypeError);
  });
}

/** Checked, not run: these types have no value here. */
export function rejectedByTheCompiler(snapshot: Snapshot, reading: Reading, change: Change): void {
  // @ts-expect-error: readonly array
  snapshot.changes.push(change);
  // @ts-expect-error: readonly array
  snapshot.reasons.pop();
  // @ts-expect-error: readonly array
  snapshot.causes.push("event");
  // @ts-expect-error: readonly property
  snapshot.state = STATE;
  // @ts-expect-error: readonly array
  reading.interfaces.pop();
  // @ts-expect-error: readonly property
  reading.defaultRoute.ipv4 = null;
  // @ts-expect-error: readonly array
  if (change.kind === "interface-changed") change.fields.push("mtu");
}
