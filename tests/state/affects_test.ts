import { assert, assertEquals, assertThrows } from "@std/assert";
import { affects, type LocalAddress } from "../../state/impact.ts";
import type { Interface, State } from "../../state/types.ts";
import { address, nic, type ReadingParts, route, state } from "../support/states.ts";

type Row = [name: string, local: LocalAddress, previous: State, next: State, affected: boolean];

const eth0 = nic("eth0", { addresses: ["192.0.2.1/24", "2001:db8::1/64", "fe80::1/64"] });
const eth1 = nic("eth1", { index: 3, addresses: ["198.51.100.1/24", "fe80::1/64"] });
const HOME: ReadingParts = {
  interfaces: [eth0, eth1],
  ipv4: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1" }),
  ipv6: route("eth0", { gateway: "fe80::fe", source: "2001:db8::1" }),
};
const home = state(HOME);
const woken = state(HOME, { at: 9, sleptMs: 600_000 });
const dozed = state(HOME, { at: 9, sleptMs: 599_999 });

/** The home network with other interfaces. */
function homeOf(...interfaces: ReturnType<typeof nic>[]): State {
  return state({ ...HOME, interfaces });
}

const without = homeOf(nic("eth0", { addresses: ["2001:db8::1/64"] }), eth1);
const reindexed = homeOf({ ...eth0, index: 7 }, eth1);
const moved = homeOf(
  nic("eth0", { addresses: ["2001:db8::1/64"] }),
  nic("eth1", { index: 3, addresses: ["192.0.2.1/24", "fe80::1/64"] }),
);
const tentative = homeOf(
  nic("eth0", { addresses: [address("192.0.2.1/24", { tentative: true })] }),
  eth1,
);

const SPECIFIC: Row[] = [
  ["nothing changed", { hostname: "192.0.2.1" }, home, state(HOME), false],
  ["it went", { hostname: "192.0.2.1" }, home, without, true],
  ["it came", { hostname: "192.0.2.1" }, without, home, true],
  ["it was not there and is not", { hostname: "203.0.113.1" }, home, without, false],
  ["another one went", { hostname: "2001:db8::1" }, home, without, false],
  ["it is tentative now", { hostname: "192.0.2.1" }, home, tentative, true],
  ["it can be used now", { hostname: "192.0.2.1" }, tentative, home, true],
  ["it came tentative, which is too early", { hostname: "192.0.2.1" }, without, tentative, false],
  [
    "its interface is down",
    { hostname: "192.0.2.1" },
    home,
    homeOf({ ...eth0, up: false }, eth1),
    true,
  ],
  [
    "its interface lost carrier",
    { hostname: "192.0.2.1" },
    home,
    homeOf({ ...eth0, running: false }, eth1),
    false,
  ],
  ["it moved to another interface", { hostname: "192.0.2.1" }, home, moved, true],
  ["its interface has another index", { hostname: "192.0.2.1" }, home, reindexed, true],
  ["another interface has another index", { hostname: "198.51.100.1" }, home, reindexed, false],
  [
    "its prefix length is another",
    { hostname: "192.0.2.1" },
    home,
    homeOf(nic("eth0", { addresses: ["192.0.2.1/25"] }), eth1),
    false,
  ],
  [
    "a second interface has it too",
    { hostname: "192.0.2.1" },
    home,
    homeOf(eth0, nic("eth1", { index: 3, addresses: ["192.0.2.1/24"] })),
    true,
  ],
  [
    "the default route went",
    { hostname: "192.0.2.1" },
    home,
    state({ interfaces: [eth0, eth1] }),
    false,
  ],
  ["a long sleep", { hostname: "192.0.2.1" }, home, woken, true],
  ["a short sleep", { hostname: "192.0.2.1" }, home, dozed, false],
  ["written otherwise", { hostname: "2001:DB8:0::1" }, home, homeOf(nic("eth0"), eth1), true],
  ["IPv4 in IPv6", { hostname: "::ffff:192.0.2.1" }, home, without, true],
  ["IPv4 in hexadecimal IPv6", { hostname: "::ffff:c000:201" }, home, without, true],
  [
    "interface: the one that held it",
    { hostname: "192.0.2.1", interface: "eth0" },
    home,
    moved,
    true,
  ],
  [
    "interface: the one that holds it now",
    { hostname: "192.0.2.1", interface: "eth1" },
    home,
    moved,
    true,
  ],
  ["interface: another one", { hostname: "192.0.2.1", interface: "eth1" }, home, without, false],
  [
    "interface: none of that name",
    { hostname: "192.0.2.1", interface: "constructor" },
    home,
    without,
    false,
  ],
  ["zone by name", { hostname: "192.0.2.1%eth0" }, home, without, true],
  ["zone by name, another", { hostname: "192.0.2.1%eth1" }, home, without, false],
  ["zone by index", { hostname: "192.0.2.1%2" }, home, without, true],
  ["zone by index, another", { hostname: "192.0.2.1%3" }, home, without, false],
  [
    "zone and interface that differ",
    { hostname: "192.0.2.1%eth0", interface: "eth1" },
    home,
    without,
    false,
  ],
];

const withoutLinkLocal = homeOf(nic("eth0", { addresses: ["192.0.2.1/24"] }), eth1);

const LINK_LOCAL: Row[] = [
  ["counts as usable: it was named", { hostname: "fe80::1%eth0" }, home, withoutLinkLocal, true],
  ["in its zone only", { hostname: "fe80::1%eth1" }, home, withoutLinkLocal, false],
  ["by index", { hostname: "fe80::1%2" }, home, withoutLinkLocal, true],
  ["without zone: any interface", { hostname: "fe80::1" }, home, withoutLinkLocal, true],
  [
    "zone by an index that another interface has now",
    { hostname: "fe80::1%2" },
    home,
    homeOf({ ...eth0, index: 4 }, { ...eth1, index: 2 }),
    true,
  ],
  [
    "zone by a name that is a number",
    { hostname: "fe80::1%7" },
    homeOf(nic("7", { index: 5, addresses: ["fe80::1/64"] }), nic("x", { index: 7 })),
    homeOf(nic("7", { index: 5 }), nic("x", { index: 7 })),
    true,
  ],
  [
    "tentative is not usable",
    { hostname: "fe80::1%eth0" },
    withoutLinkLocal,
    homeOf(nic("eth0", { addresses: [address("fe80::1/64", { tentative: true })] })),
    false,
  ],
  [
    "IPv4",
    { hostname: "169.254.1.1" },
    home,
    homeOf(nic("eth0", { addresses: ["169.254.1.1/16"] }), eth1),
    true,
  ],
];

const LOOPBACK: Row[] = [
  [
    "IPv4",
    { hostname: "127.0.0.1" },
    state({ interfaces: [nic("lo", { addresses: ["127.0.0.1/8"] })] }),
    state(),
    false,
  ],
  ["IPv4, after a long sleep", { hostname: "127.0.0.53" }, home, woken, false],
  [
    "IPv6",
    { hostname: "::1" },
    state({ interfaces: [nic("lo", { addresses: ["::1/128"] })] }),
    state(),
    false,
  ],
  ["IPv4 in IPv6", { hostname: "::ffff:127.0.0.1" }, home, woken, false],
  ["on its interface", { hostname: "::1%lo", interface: "lo" }, home, woken, false],
];

const elsewhere4 = state({ ...HOME, ipv4: route("eth1", { source: "198.51.100.1" }) });
const noIpv6Way = state({ ...HOME, ipv6: null });

const WILDCARD: Row[] = [
  ["nothing changed", { hostname: "0.0.0.0" }, home, state(HOME), false],
  ["the way goes through another interface", { hostname: "0.0.0.0" }, home, elsewhere4, true],
  ["that is IPv4's", { hostname: "::" }, home, elsewhere4, false],
  [
    "the way goes through another interface, from the same source",
    { hostname: "0.0.0.0" },
    home,
    state({ ...HOME, ipv4: route("eth1", { gateway: "192.0.2.254", source: "192.0.2.1" }) }),
    true,
  ],
  ["the way is gone", { hostname: "::" }, home, noIpv6Way, true],
  ["the way is there", { hostname: "::" }, noIpv6Way, home, true],
  ["that is IPv6's", { hostname: "0.0.0.0" }, home, noIpv6Way, false],
  ["IPv4's wildcard in IPv6", { hostname: "::ffff:0.0.0.0" }, home, elsewhere4, true],
  [
    "another source",
    { hostname: "0.0.0.0" },
    home,
    state({ ...HOME, ipv4: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.2" }) }),
    true,
  ],
  [
    "another gateway alone",
    { hostname: "0.0.0.0" },
    home,
    state({ ...HOME, ipv4: route("eth0", { gateway: "192.0.2.253", source: "192.0.2.1" }) }),
    false,
  ],
  [
    "another metric alone",
    { hostname: "0.0.0.0" },
    home,
    state({
      ...HOME,
      ipv4: route("eth0", { gateway: "192.0.2.254", source: "192.0.2.1", metric: 9 }),
    }),
    false,
  ],
  ["an address went", { hostname: "0.0.0.0" }, home, without, false],
  ["an interface has another index", { hostname: "0.0.0.0" }, home, reindexed, false],
  ["a long sleep", { hostname: "0.0.0.0" }, home, woken, true],
  ["a short sleep", { hostname: "::" }, home, dozed, false],
];

const onEth1: LocalAddress = { hostname: "0.0.0.0", interface: "eth1" };
const bare1 = nic("eth1", { index: 3, addresses: ["fe80::1/64"] });

const WILDCARD_ON_INTERFACE: Row[] = [
  ["nothing changed", onEth1, home, state(HOME), false],
  ["the interface went", onEth1, home, homeOf(eth0), true],
  ["the interface came, still bare", onEth1, homeOf(eth0), homeOf(eth0, bare1), true],
  ["another index", onEth1, home, homeOf(eth0, { ...eth1, index: 8 }), true],
  ["its last usable address of the family went", onEth1, home, homeOf(eth0, bare1), true],
  ["its first usable address of the family came", onEth1, homeOf(eth0, bare1), home, true],
  [
    "one of two went",
    onEth1,
    homeOf(eth0, nic("eth1", { index: 3, addresses: ["198.51.100.1/24", "198.51.100.2/24"] })),
    homeOf(eth0, nic("eth1", { index: 3, addresses: ["198.51.100.2/24"] })),
    false,
  ],
  [
    "its last address of the family can no longer be bound",
    onEth1,
    home,
    homeOf(
      eth0,
      nic("eth1", { index: 3, addresses: [address("198.51.100.1/24", { duplicated: true })] }),
    ),
    true,
  ],
  [
    "that was the other family",
    { hostname: "::", interface: "eth1" },
    home,
    homeOf(eth0, bare1),
    false,
  ],
  ["another interface's index", onEth1, home, reindexed, false],
  ["the default route elsewhere", onEth1, home, elsewhere4, true],
  ["zone in place of interface", { hostname: "0.0.0.0%eth1" }, home, homeOf(eth0, bare1), true],
  ["zone by index", { hostname: "0.0.0.0%3" }, home, homeOf(eth0), true],
  ["zone by index, another interface", { hostname: "0.0.0.0%2" }, home, homeOf(eth0), false],
];

const TABLES: [title: string, rows: Row[]][] = [
  ["a specific address", SPECIFIC],
  ["a link-local address", LINK_LOCAL],
  ["a loopback address, never", LOOPBACK],
  ["a wildcard", WILDCARD],
  ["a wildcard on an interface", WILDCARD_ON_INTERFACE],
];

for (const [title, rows] of TABLES) {
  Deno.test(`affects() of ${title}`, async (t) => {
    for (const [name, local, previous, next, affected] of rows) {
      await t.step(name, () => {
        assertEquals(affects(local, previous, next), affected);
        assertEquals(
          affects(local, structuredClone(previous), structuredClone(next)),
          affected,
          "copies",
        );
      });
    }
  });
}

Deno.test("affects() throws TypeError for a hostname that is not an IP literal", async (t) => {
  const hostnames = [
    "",
    "localhost",
    "[::1]",
    "[2001:db8::1]",
    "192.0.2.1:80",
    "192.0.2.01",
    "fe80::1%",
    "%eth0",
    "192.0.2.1/24",
  ];
  for (const hostname of hostnames) {
    await t.step(JSON.stringify(hostname), () => {
      assertThrows(() => affects({ hostname }, home, home), TypeError, "as a local address");
    });
  }
  const socket = { addr: { hostname: "192.0.2.1" } }; // instead of its `addr`
  assertThrows(() => affects(socket as never, home, home), TypeError, "give listener.addr");
  assert(!affects({ hostname: "192.0.2.1" }, home, home));
});

Deno.test("affects() accepts listener.addr", () => {
  const of = (listener: Deno.Listener): LocalAddress => listener.addr; // must compile
  assert(affects(of({ addr: { hostname: "192.0.2.1" } } as Deno.Listener), home, without));
  const addr: Deno.Addr = { transport: "tcp", hostname: "192.0.2.1", port: 443 };
  assert(affects(addr, home, without));
});

Deno.test("affects() is never true of Unix and vsock addresses", () => {
  const addresses: Deno.Addr[] = [
    { transport: "unix", path: "/run/192.0.2.1" },
    { transport: "unixpacket", path: "" },
    { transport: "vsock", cid: 2, port: 1 },
  ];
  for (const addr of addresses) {
    assert(!affects(addr, home, without));
    assert(!affects(addr, home, woken));
  }
});

Deno.test("affects() throws TypeError for anything but a local address", () => {
  for (
    const local of [
      ...[null, undefined, "192.0.2.1", 7, {}, { transport: "tcp" }],
      { hostname: 7 },
      { hostname: ["192.0.2.1"] },
      { hostname: Object.create(null) },
      { hostname: "::", interface: 2 },
    ]
  ) {
    assertThrows(() => affects(local as LocalAddress, home, home), TypeError, "as a local address");
  }
});

Deno.test("affects() ignores carrier, host-only and lifetimes", () => {
  const bound: LocalAddress = { hostname: "192.0.2.1" };
  const with0 = (fields: Partial<Interface>) => homeOf({ ...eth0, ...fields }, eth1);
  assert(!affects(bound, home, with0({ running: false })));
  assert(affects(bound, home, with0({ up: false })));
  const deprecated = eth0.addresses.map((it) => ({ ...it, deprecated: true }));
  assert(!affects(bound, home, with0({ addresses: deprecated })));
  const docker0 = nic("docker0", { index: 9, addresses: ["172.17.0.1/16"] });
  assert(affects({ hostname: "172.17.0.1" }, homeOf(eth0, docker0), home));
});
