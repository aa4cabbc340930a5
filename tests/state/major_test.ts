import { assert, assertEquals, assertThrows } from "@std/assert";
import { diffStates } from "../../state/diff.ts";
import { isMajorChange } from "../../state/impact.ts";
import type { Interface, State } from "../../state/types.ts";
import { forSeeds } from "../support/random.ts";
import { randomNeighbour, randomState } from "../support/random_states.ts";
import { address, nic, type ReadingParts, route, state } from "../support/states.ts";

const eth0 = nic("eth0", {
  mac: "02:00:00:00:00:01",
  addresses: ["192.0.2.1/24", "2001:db8::1/64", "fe80::1/64"],
});
const gateways = {
  ipv4: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1", metric: 100 }),
  ipv6: route("eth0", { gateway: "fe80::fe", source: "2001:db8::1", metric: 1024 }),
};
const HOME: ReadingParts = { interfaces: [eth0], ...gateways };

/** The home network with one interface in place of eth0. */
function homeWith(fields: Partial<Interface>): State {
  return state({ ...HOME, interfaces: [{ ...eth0, ...fields }] });
}

/** The home network with more interfaces. */
function homeBeside(...others: Interface[]): State {
  return state({ ...HOME, interfaces: [eth0, ...others] });
}

interface Row {
  name: string;
  previous: State;
  next: State;
  major: boolean;
  ignore?: (nic: Interface) => boolean;
}

const home = state(HOME);
const LONG = state(HOME, { at: 1, sleptMs: 600_000 });
const isTunnel = (nic: Interface): boolean => nic.kind === "tunnel";

const MINOR: Row[] = [
  { name: "nothing", previous: home, next: state(HOME), major: false },
  { // coder/coder#11029, docker/for-linux#914: every container start rebound every socket
    name: "a container's veth with addresses comes",
    previous: home,
    next: homeBeside(nic("veth1a2b", { index: 9, addresses: ["198.18.0.0/31", "fe80::9/64"] })),
    major: false,
  },
  {
    name: "docker0 gets another index and address, and goes down",
    previous: homeBeside(nic("docker0", { index: 9, addresses: ["172.17.0.1/16"] })),
    next: homeBeside(nic("docker0", { index: 8, up: false, addresses: ["172.18.0.1/16"] })),
    major: false,
  },
  {
    name: "an interface with its link-local address comes",
    previous: home,
    next: homeBeside(nic("eth1", { index: 9, addresses: ["fe80::9/64", "169.254.1.1/16"] })),
    major: false,
  },
  { // iroh#4488: MTU and flag flips counted
    name: "another MTU",
    previous: home,
    next: homeWith({ mtu: 1400 }),
    major: false,
  },
  { name: "other flags", previous: home, next: homeWith({ flags: 3 }), major: false },
  {
    name: "another MAC",
    previous: home,
    next: homeWith({ mac: "02:00:00:00:00:02" }),
    major: false,
  },
  {
    name: "a carrier flip on an interface without addresses",
    previous: homeBeside(nic("eth1", { index: 3 })),
    next: homeBeside(nic("eth1", { index: 3, running: false })),
    major: false,
  },
  {
    name: "an interface without addresses goes up",
    previous: homeBeside(nic("eth1", { index: 3, up: false })),
    next: homeBeside(nic("eth1", { index: 3 })),
    major: false,
  },
  {
    name: "an interface with a link-local address only gets another index",
    previous: homeBeside(nic("eth1", { index: 3, addresses: ["169.254.1.1/16"] })),
    next: homeBeside(nic("eth1", { index: 4, addresses: ["169.254.1.1/16"] })),
    major: false,
  },
  { // avahi#615: announced before it can be bound to
    name: "an address comes that is tentative",
    previous: home,
    next: homeWith({
      addresses: [...eth0.addresses, address("2001:db8::2/64", { tentative: true })],
    }),
    major: false,
  },
  {
    name: "a tentative address turns out to be duplicated",
    previous: homeWith({
      addresses: [...eth0.addresses, address("2001:db8::2/64", { tentative: true })],
    }),
    next: homeWith({
      addresses: [...eth0.addresses, address("2001:db8::2/64", { duplicated: true })],
    }),
    major: false,
  },
  {
    name: "a loopback address comes",
    previous: homeBeside(nic("lo", { index: 1, addresses: ["127.0.0.1/8"] })),
    next: homeBeside(nic("lo", { index: 1, addresses: ["127.0.0.1/8", "10.255.255.254/32"] })),
    major: false,
  },
  {
    name: "another metric alone",
    previous: home,
    next: state({ ...HOME, ipv4: { ...gateways.ipv4, metric: 600 } }),
    major: false,
  },
  {
    name: "a usable address becomes permanent",
    previous: homeWith({ addresses: [address("192.0.2.1/24", { permanent: false })] }),
    next: homeWith({ addresses: [address("192.0.2.1/24")] }),
    major: false,
  },
  {
    name: "the source can report carrier now",
    previous: state({ ...HOME, knows: { links: false } }),
    next: home,
    major: false,
  },
  { // tailscale#11519
    name: "a short sleep",
    previous: home,
    next: state(HOME, { at: 1, sleptMs: 599_999 }),
    major: false,
  },
  {
    name: "a long sleep that both states know",
    previous: state(HOME, { at: 1, sleptMs: 3_600_000 }),
    next: state({ ...HOME, interfaces: [{ ...eth0, mtu: 1400 }] }, { at: 1, sleptMs: 3_600_000 }),
    major: false,
  },
];

const MAJOR: Row[] = [
  {
    name: "a cable is pulled",
    previous: home,
    next: homeWith({ running: false }),
    major: true,
  },
  // OpenTabletDriver#2236, firezone#15274: nothing that was open survives
  { name: "a long sleep", previous: home, next: LONG, major: true },
  { // GeiserX/VPN-Bypass#94: the names stay the same, the way does not
    name: "the default route moves to another interface",
    previous: state({ ...HOME, interfaces: [eth0, nic("utun7", { index: 3 })] }),
    next: state({ ...HOME, interfaces: [eth0, nic("utun7", { index: 3 })], ipv4: route("utun7") }),
    major: true,
  },
  { // home-assistant/iOS#5544: Wi-Fi to Wi-Fi, same type and same addresses
    name: "another gateway on the same interface",
    previous: home,
    next: state({ ...HOME, ipv4: { ...gateways.ipv4, gateway: "192.0.2.253" } }),
    major: true,
  },
  {
    name: "another source on the same interface",
    previous: home,
    next: state({ ...HOME, ipv4: { ...gateways.ipv4, source: "192.0.2.2" } }),
    major: true,
  },
  { // net-tools#132: hosts with IPv6 only have a default route too
    name: "another gateway of IPv6 alone",
    previous: home,
    next: state({ ...HOME, ipv6: { ...gateways.ipv6, gateway: "fe80::fd" } }),
    major: true,
  },
  {
    name: "no default route any more",
    previous: home,
    next: state({ ...HOME, ipv4: null }),
    major: true,
  },
  { name: "a default route", previous: state({ ...HOME, ipv6: null }), next: home, major: true },
  {
    name: "another index of a default interface without addresses",
    previous: state({ interfaces: [nic("ppp0", { index: 7 })], ipv4: route("ppp0") }),
    next: state({ interfaces: [nic("ppp0", { index: 8 })], ipv4: route("ppp0") }),
    major: true,
  },
  {
    name: "a usable address comes",
    previous: home,
    next: homeWith({ addresses: [...eth0.addresses, address("192.0.2.2/24")] }),
    major: true,
  },
  { // ciao#50: no IPv4 at all is a normal state
    name: "all addresses go",
    previous: home,
    next: homeWith({ addresses: [] }),
    major: true,
  },
  {
    name: "another prefix length",
    previous: home,
    next: homeWith({
      addresses: [address("192.0.2.1/25"), ...eth0.addresses.slice(1)],
    }),
    major: true,
  },
  { // iroh#4369; caches by address alone (netwatch, tailscale) never reported this one
    name: "a tentative address becomes usable",
    previous: homeWith({ addresses: [address("2001:db8::1/64", { tentative: true })] }),
    next: homeWith({ addresses: ["2001:db8::1/64"].map((cidr) => address(cidr)) }),
    major: true,
  },
  {
    name: "a usable address becomes deprecated",
    previous: homeWith({ addresses: [address("2001:db8::1/64")] }),
    next: homeWith({ addresses: [address("2001:db8::1/64", { deprecated: true })] }),
    major: true,
  },
  {
    name: "an address moves to another interface",
    previous: state({
      interfaces: [nic("a", { addresses: ["192.0.2.1/24"] }), nic("b", { index: 3 })],
    }),
    next: state({ interfaces: [nic("a"), nic("b", { index: 3, addresses: ["192.0.2.1/24"] })] }),
    major: true,
  },
  { // Linux keeps IPv4 addresses on a link that is down
    name: "an interface with addresses goes down",
    previous: home,
    next: homeWith({ up: false }),
    major: true,
  },
  {
    name: "another index of an interface with addresses",
    previous: homeBeside(nic("eth1", { index: 3, addresses: ["198.51.100.1/24"] })),
    next: homeBeside(nic("eth1", { index: 4, addresses: ["198.51.100.1/24"] })),
    major: true,
  },
  {
    name: "an interface with addresses comes",
    previous: home,
    next: homeBeside(nic("eth1", { index: 3, addresses: ["198.51.100.1/24"] })),
    major: true,
  },
  {
    name: "an interface with addresses goes",
    previous: homeBeside(nic("eth1", { index: 3, addresses: ["198.51.100.1/24"] })),
    next: home,
    major: true,
  },
  {
    name: "an interface with addresses is renamed",
    previous: homeBeside(nic("eth1", { index: 3, addresses: ["198.51.100.1/24"] })),
    next: homeBeside(nic("wan0", { index: 3, addresses: ["198.51.100.1/24"] })),
    major: true,
  },
  { // SyncTrayzor#385: from a flat rate to a metered link
    name: "the default route goes through a modem now",
    previous: homeBeside(nic("wwan0", { index: 3, addresses: ["10.64.0.2/30"] })),
    next: state({
      interfaces: [eth0, nic("wwan0", { index: 3, addresses: ["10.64.0.2/30"] })],
      ipv4: route("wwan0", { source: "10.64.0.2" }),
      ipv6: gateways.ipv6,
    }),
    major: true,
  },
];

const utun = nic("utun7", { index: 9, addresses: ["100.64.0.1/32"] });

const IGNORED: Row[] = [
  { // tailscale#21118: the program's own tunnel must not set off its own rebind
    name: "an ignored interface with addresses comes",
    previous: home,
    next: homeBeside(utun),
    ignore: isTunnel,
    major: false,
  },
  {
    name: "an ignored interface gets another index and address",
    previous: homeBeside(utun),
    next: homeBeside({ ...utun, index: 10, addresses: [address("100.64.0.2/32")] }),
    ignore: isTunnel,
    major: false,
  },
  {
    name: "the default route moves to an ignored interface",
    previous: homeBeside(utun),
    next: state({ ...HOME, interfaces: [eth0, utun], ipv4: route("utun7") }),
    ignore: isTunnel,
    major: false,
  },
  {
    name: "the default route moves from an ignored interface",
    previous: state({ ...HOME, interfaces: [eth0, utun], ipv6: route("utun7") }),
    next: homeBeside(utun),
    ignore: isTunnel,
    major: false,
  },
  {
    name: "the default route goes with the ignored interface",
    previous: state({ interfaces: [utun], ipv4: route("utun7") }),
    next: state(),
    ignore: isTunnel,
    major: false,
  },
  {
    name: "what is not ignored still counts",
    previous: homeBeside(utun),
    next: state({
      ...HOME,
      interfaces: [{ ...eth0, addresses: [] }, { ...utun, index: 10 }],
    }),
    ignore: isTunnel,
    major: true,
  },
  {
    name: "one family's ignored route does not hide the other's",
    previous: homeBeside(utun),
    next: state({ interfaces: [eth0, utun], ipv4: route("utun7"), ipv6: null }),
    ignore: isTunnel,
    major: true,
  },
  {
    name: "each interface is judged as it is in its state",
    previous: home,
    next: homeWith({ up: false }),
    ignore: (nic) => !nic.up,
    major: true,
  },
  { name: "a long sleep", previous: home, next: LONG, ignore: () => true, major: true },
  {
    name: "a route through an interface that is not there cannot be ignored",
    previous: state(),
    next: state({ ipv4: route("gone") }),
    ignore: () => true,
    major: true,
  },
];

function majorOf({ previous, next, ignore }: Row): boolean {
  return isMajorChange(previous, next, ignore === undefined ? {} : { ignoreInterface: ignore });
}

Deno.test("isMajorChange() is false for", async (t) => {
  for (const row of MINOR) await t.step(row.name, () => assertEquals(majorOf(row), row.major));
});

Deno.test("isMajorChange() is true for", async (t) => {
  for (const row of MAJOR) await t.step(row.name, () => assertEquals(majorOf(row), row.major));
});

Deno.test("isMajorChange() with ignoreInterface", async (t) => {
  for (const row of IGNORED) await t.step(row.name, () => assertEquals(majorOf(row), row.major));
});

Deno.test("isMajorChange() with ignoreInterface needs it: without, the same rows are major", () => {
  for (const row of IGNORED) assert(isMajorChange(row.previous, row.next), row.name);
});

// tailscale#15484: a minor change that was not remembered came back every 30 seconds, and rebound.
Deno.test("isMajorChange() false is still a change to remember", () => {
  for (const { name, previous, next } of MINOR.slice(1)) {
    assert(diffStates(previous, next).length > 0, name);
  }
});

Deno.test("isMajorChange() of copied states is the same, and never major of nothing", () => {
  forSeeds({ runs: 1_000, seed: 47 }, (random) => {
    const previous = randomState(random);
    const next = randomNeighbour(random, previous);
    const major = isMajorChange(previous, next);
    assertEquals(isMajorChange(structuredClone(previous), structuredClone(next)), major);
    if (diffStates(previous, next).length === 0) assert(!major);
    assert(!isMajorChange(previous, previous));
    assert(!isMajorChange(previous, structuredClone(previous)));
  });
});

Deno.test("isMajorChange() throws what ignoreInterface throws", () => {
  const ignoreInterface = (): boolean => {
    throw new SyntaxError("mine");
  };
  assertThrows(() => isMajorChange(home, state(), { ignoreInterface }), SyntaxError, "mine");
});
