import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { buildState } from "../../state/build.ts";
import { primaryAddress, usableAddresses } from "../../state/interfaces.ts";
import { applyChanges, diffInterfaces, diffStates } from "../../state/diff.ts";
import { isMajorChange } from "../../state/impact.ts";
import type { Interface, State } from "../../state/types.ts";
import { forSeeds } from "../support/random.ts";
import { randomNeighbour, randomReading, randomState } from "../support/random_states.ts";
import { address, nic, reading, type ReadingParts, route, state } from "../support/states.ts";

const lo = nic("lo", { index: 1, addresses: ["127.0.0.1/8", "::1/128"] });
const eth0 = nic("eth0", { addresses: ["192.0.2.7/24"] });
const docker0 = nic("docker0", { index: 3, addresses: ["172.17.0.1/16"] });
const veth = nic("veth1", { index: 4, addresses: ["10.9.0.1/24"] });

function hostOnly(parts: ReadingParts): string[] {
  return Object.values(state(parts).interfaces).filter((it) => it.hostOnly).map((it) => it.name);
}

const ROWS: [name: string, parts: ReadingParts, hostOnly: string[]][] = [
  ["an idle bridge beside ethernet", { interfaces: [lo, eth0, docker0, veth] }, [
    "lo",
    "docker0",
    "veth1",
  ]],
  ["ethernet that is down is still there", {
    interfaces: [lo, { ...eth0, up: false }, docker0],
  }, ["lo", "docker0"]],
  [
    "the default route goes through the bridge",
    { interfaces: [lo, eth0, docker0, veth], ipv4: route("docker0") },
    ["lo", "veth1"],
  ],
  [
    "the IPv6 default route does",
    { interfaces: [lo, eth0, docker0, veth], ipv6: route("veth1") },
    ["lo", "docker0"],
  ],
  ["a default route never makes loopback count", { interfaces: [lo, eth0], ipv4: route("lo") }, [
    "lo",
  ]],
  ["a container has neither ethernet nor tunnels", { interfaces: [lo, docker0, veth] }, ["lo"]],
  ["tunnels lie about in containers, down", {
    interfaces: [
      lo,
      nic("tunl0", { index: 5, up: false }),
      nic("sit0", { index: 6, up: false }),
      veth,
    ],
  }, ["lo"]],
  ["a tunnel that is up", { interfaces: [lo, nic("tun0", { index: 5 }), veth] }, ["lo", "veth1"]],
  ["Wi-Fi", { interfaces: [nic("wlan0"), veth] }, ["veth1"]],
  ["cellular", { interfaces: [nic("wwan0"), veth] }, ["veth1"]],
  ["nothing but loopback", { interfaces: [lo] }, ["lo"]],
];

Deno.test("host-only is", async (t) => {
  for (const [name, parts, expected] of ROWS) {
    await t.step(name, () => assertEquals(hostOnly(parts), expected));
  }
});

Deno.test("a source that does not say hostOnly, in JavaScript", () => {
  const interfaces = [lo, eth0, docker0].map(({ hostOnly: _, ...old }) => old as Interface);
  assertEquals(hostOnly({ interfaces }), ["lo"]);
});

Deno.test("the rules are stable: applying them to a state again changes nothing", () => {
  forSeeds({ runs: 500, seed: 71 }, (random) => {
    const made = randomState(random);
    const again = buildState(
      {
        interfaces: Object.values(made.interfaces),
        defaultRoute: made.defaultRoute,
        knows: made.knows,
      },
      made.resumedAt === null || made.sleptMs === null
        ? null
        : { at: made.resumedAt, sleptMs: made.sleptMs },
    );
    assertEquals(again, made);
  });
});

Deno.test("hostOnly is the same whatever is shared with the state before", () => {
  forSeeds({ runs: 500, seed: 73 }, (random) => {
    let previous: State | null = null;
    const given = randomReading(random);
    for (let i = 0; i < 4; i++) {
      const parts = {
        ...given,
        interfaces: given.interfaces.filter(() => random.chance(0.8)),
        defaultRoute: random.chance(0.5) ? given.defaultRoute : { ipv4: null, ipv6: null },
      };
      const next = buildState(parts, null, previous);
      assertEquals(next, buildState(structuredClone(parts), null));
      previous = next;
    }
  });
});

Deno.test("a tunnel that comes up or goes down decides about the other interfaces", () => {
  const tunnel = nic("tun0", { index: 5, up: false });
  const inside = { ...veth, hostOnly: true };
  const down = reading({ interfaces: [lo, inside, tunnel] });
  const up = reading({ interfaces: [lo, inside, { ...tunnel, up: true }] });
  const before = buildState(down, null);
  const after = buildState(up, null, before);
  const again = buildState(down, null, after);
  const isHostOnly = [before, after, again].map((it) => it.interfaces.veth1!.hostOnly);
  assertEquals(isHostOnly, [false, true, false]);
});

Deno.test("a state is shared while nothing differs, also where the rules apply", () => {
  const given = reading({ interfaces: [lo, veth, docker0] });
  const first = buildState(given, null);
  const second = buildState(structuredClone(given), null, first);
  assertStrictEquals(second.interfaces, first.interfaces);
  const more = buildState(
    reading({ interfaces: [lo, veth, docker0, nic("veth2", { index: 9 })] }),
    null,
    second,
  );
  assertStrictEquals(more.interfaces["veth1"], first.interfaces["veth1"]);
});

Deno.test("a default route that changes hostOnly is a change of the interface, not drift", () => {
  const before = state({ interfaces: [eth0, docker0], ipv4: route("docker0") });
  const after = state({ interfaces: [eth0, docker0] });
  assertEquals(diffStates(before, after).map(({ kind }) => kind), [
    "interface-changed",
    "default-route-changed",
  ]);
  assertEquals(applyChanges(before, diffStates(before, after)), after);
  assertEquals([diffInterfaces(before, after), diffInterfaces(after, before)], [[], []]);
});

Deno.test("copies of states keep hostOnly", () => {
  forSeeds({ runs: 200, seed: 77 }, (random) => {
    const [a, b] = [randomState(random), randomState(random)];
    const [copyA, copyB] = [structuredClone(a), structuredClone(b)];
    assertEquals(applyChanges(copyA, diffStates(copyA, copyB)), b);
    assertEquals(
      usableAddresses(copyA, { hostOnly: true }),
      usableAddresses(a, { hostOnly: true }),
    );
  });
});

// iroh#4488, coder#11029, tailscale#16762: containers and virtual machines rebound every socket
Deno.test("nothing on a host-only interface is major", () => {
  forSeeds({ runs: 300, seed: 79 }, (random) => {
    const base = [lo, eth0];
    const others = () =>
      Object.values(randomNeighbour(random, state({ interfaces: [docker0, veth] })).interfaces)
        .map((it): Interface => ({
          ...it,
          name: `docker${it.index}`,
          kind: "bridge",
          hostOnly: true,
        }));
    const before = state({ interfaces: [...base, ...others()], ipv4: route("eth0") });
    const after = state({ interfaces: [...base, ...others()], ipv4: route("eth0") });
    assertEquals(isMajorChange(before, after), false);
  });
});

const ONLINE: [name: string, parts: ReadingParts, online: boolean | "unknown"][] = [
  ["nothing", {}, false],
  ["an address without a route", { interfaces: [eth0] }, false],
  ["a route with a source", {
    interfaces: [eth0],
    ipv4: route("eth0", { source: "192.0.2.7" }),
  }, true],
  ["IPv6 only", {
    interfaces: [nic("eth0", { addresses: ["2001:db8::7/64"] })],
    ipv6: route("eth0", { gateway: "fe80::1", source: "2001:db8::7" }),
  }, true],
  ["a route without a source", { interfaces: [eth0], ipv4: route("eth0") }, false],
  ["an IPv6 router that announces no prefix", {
    interfaces: [nic("eth0", { addresses: ["fe80::7/64"] })],
    ipv6: route("eth0", { gateway: "fe80::1", source: "fe80::7" }),
  }, false],
  ["IPv6 whose addresses are all tentative", {
    interfaces: [nic("eth0", { addresses: ["2001:db8::7/64"] })],
    ipv6: route("eth0", { gateway: "fe80::1", source: "::1" }),
  }, false],
  ["a link-local IPv4 source, as in AWS Lambda", {
    interfaces: [nic("eth0", { addresses: ["169.254.76.1/23"] })],
    ipv4: route("eth0", { gateway: "169.254.76.2", source: "169.254.76.1" }),
  }, true],
  ["no carrier", {
    interfaces: [{ ...eth0, running: false }],
    ipv4: route("eth0", { source: "192.0.2.7" }),
  }, false],
  ["down", {
    interfaces: [{ ...eth0, up: false }],
    ipv4: route("eth0", { source: "192.0.2.7" }),
  }, false],
  ["an interface that is not listed", { ipv4: route("eth0", { source: "192.0.2.7" }) }, false],
  ["a source without routes", { interfaces: [eth0], knows: { routes: false } }, "unknown"],
  ["a source without routes, IPv6 only", {
    interfaces: [nic("eth0", { addresses: ["2001:db8::7/64"] })],
    knows: { routes: false },
  }, "unknown"],
  ["a source without routes, no usable address", {
    interfaces: [eth0, docker0].slice(1).concat(nic("wlan0")),
    knows: { routes: false },
  }, false],
];

Deno.test("online with", async (t) => {
  for (const [name, parts, online] of ONLINE) {
    await t.step(name, () => assertEquals(state(parts).online, online));
  }
});

Deno.test("usableAddresses() lists those of host-only interfaces on request", () => {
  const made = state({ interfaces: [lo, eth0, docker0] });
  const cidrs = (options: { hostOnly?: boolean }) =>
    usableAddresses(made, options).map(({ cidr }) => cidr);
  assertEquals(cidrs({}), ["192.0.2.7/24"]);
  assertEquals(cidrs({ hostOnly: true }), ["192.0.2.7/24", "172.17.0.1/16"]);
});

const tailscale0 = nic("tailscale0", { index: 9, addresses: ["100.64.0.1/32"] });

const PRIMARY: [
  name: string,
  parts: ReadingParts,
  cidr: string | null,
  family?: "IPv4" | "IPv6",
][] = [
  ["nothing", {}, null],
  ["only host-only addresses", {
    interfaces: [eth0, docker0].map((it) => ({ ...it, up: it !== eth0 })),
  }, null],
  ["the source of the default route", {
    interfaces: [nic("eth0", { addresses: ["192.0.2.1/24", "192.0.2.9/24"] }), tailscale0],
    ipv4: route("eth0", { source: "192.0.2.9" }),
  }, "192.0.2.9/24"],
  ["IPv4's before IPv6's", {
    interfaces: [nic("eth0", { addresses: ["192.0.2.1/24", "2001:db8::1/64"] })],
    ipv4: route("eth0", { source: "192.0.2.1" }),
    ipv6: route("eth0", { source: "2001:db8::1" }),
  }, "192.0.2.1/24"],
  ["IPv6's where IPv4 has none", {
    interfaces: [nic("eth0", { addresses: ["192.0.2.1/24", "2001:db8::1/64", "2001:db8::9/64"] })],
    ipv6: route("eth0", { source: "2001:db8::9" }),
  }, "2001:db8::9/64"],
  [
    "not IPv6's, if IPv4 is asked for",
    {
      interfaces: [nic("eth0", { addresses: ["192.0.2.1/24", "2001:db8::1/64"] })],
      ipv6: route("eth0", { source: "2001:db8::1" }),
    },
    "192.0.2.1/24",
    "IPv4",
  ],
  [
    "of one family",
    {
      interfaces: [nic("eth0", { addresses: ["192.0.2.1/24", "2001:db8::1/64"] })],
      ipv4: route("eth0", { source: "192.0.2.1" }),
    },
    "2001:db8::1/64",
    "IPv6",
  ],
  ["nothing while the interface of the default route has no carrier", {
    interfaces: [nic("eth0", { running: false, addresses: ["192.0.2.1/24"] })],
    ipv4: route("eth0", { source: "192.0.2.1" }),
  }, null],
  ["nothing while it is down", {
    interfaces: [nic("eth0", { up: false, addresses: ["192.0.2.1/24"] })],
    ipv4: route("eth0", { source: "192.0.2.1" }),
  }, null],
  ["what is usable then", {
    interfaces: [nic("eth0", { running: false, addresses: ["192.0.2.1/24"] }), tailscale0],
    ipv4: route("eth0", { source: "192.0.2.1" }),
  }, "100.64.0.1/32"],
  ["a source on another interface", {
    interfaces: [nic("eth0"), nic("lo", { index: 1, addresses: ["198.51.100.7/32"] })],
    ipv4: route("eth0", { source: "198.51.100.7" }),
  }, "198.51.100.7/32"],
  ["usable, not the loopback source of tentative addresses", {
    interfaces: [eth0, nic("lo", { index: 1, addresses: ["::1/128"] })],
    ipv6: route("eth0", { source: "::1" }),
  }, "192.0.2.7/24"],
  ["a source that no interface has", {
    interfaces: [eth0],
    ipv4: route("eth0", { source: "198.51.100.7" }),
  }, "192.0.2.7/24"],
  // polling: indexes are 0, so the order is by name
  ["physical before tunnel", {
    interfaces: [
      nic("tun0", { index: 0, addresses: ["10.8.0.2/24"] }),
      nic("wlan0", { index: 0, addresses: ["fd00::7/64", "2001:db8::7/64"] }),
    ],
  }, "2001:db8::7/64"],
  ["a tunnel, if nothing else is there", { interfaces: [tailscale0] }, "100.64.0.1/32"],
];

Deno.test("primaryAddress() is", async (t) => {
  for (const [name, parts, cidr, family] of PRIMARY) {
    await t.step(name, () => {
      for (const made of [state(parts), structuredClone(state(parts))]) {
        const found = primaryAddress(made, family === undefined ? {} : { family });
        assertEquals(found && found.cidr, cidr);
        assert(Object.isFrozen(found));
      }
    });
  }
});

Deno.test("primaryAddress() prefers physical interfaces, then IPv4, unique-local and tunnels last", () => {
  const ranked = [
    nic("wwan0", { index: 6, addresses: ["192.0.2.6/24"] }),
    nic("wlan0", { index: 5, addresses: ["2001:db8::5/64"] }),
    nic("eth0", { index: 4, addresses: ["fd00::4/64"] }),
    nic("bond0", { index: 3, addresses: ["192.0.2.3/24"] }),
    nic("tun0", { index: 2, addresses: ["192.0.2.2/24"] }),
  ];
  const best = ranked.map((_, i) => primaryAddress(state({ interfaces: ranked.slice(i) })));
  assertEquals(best, ranked.map(({ addresses }) => addresses[0]!));
});

Deno.test("a deprecated address is bindable, not usable", () => {
  const made = state({
    interfaces: [nic("eth0", { addresses: [address("192.0.2.1/24", { deprecated: true })] })],
  });
  assertEquals(usableAddresses(made, { hostOnly: true }), []);
});
