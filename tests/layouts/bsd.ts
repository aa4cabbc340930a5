/**
 * What `ffi/bsd/` says of macOS and FreeBSD, and the tests of NetBSD and OpenBSD.
 *
 * @module
 */
import * as bsd from "../../ffi/bsd/systems.ts";
import type { Header, Layout } from "../../ffi/bsd/systems.ts";
import { errnoName } from "../../ffi/errno.ts";
import { type BsdName, LAYOUTS, NETBSD, OPENBSD } from "../support/bsd_layouts.ts";
import {
  ABI_FACTS,
  constantFacts,
  type Fact,
  offsetFacts,
  sizeFact,
  type System,
} from "./facts.ts";

const { DARWIN, FREEBSD, KERNEL_NOISE, SYSTEMS, ...SHARED } = bsd;

const HEADERS = [
  "sys/types.h",
  "sys/param.h",
  "sys/socket.h",
  "sys/sysctl.h",
  "sys/ioctl.h",
  "sys/time.h",
  "errno.h",
  "poll.h",
  "stddef.h",
  "time.h",
  "net/if.h",
  "net/if_dl.h",
  "net/if_types.h",
  "net/route.h",
  "netinet/in.h",
];

/** What `ziglang` does not ship of xnu's headers; compared by hand with xnu 11417.101.15. */
const NOT_SHIPPED: readonly (readonly [names: RegExp, condition: string])[] = [
  [/^(IN6_|SIOCGIFAFLAG_IN6$)/, "__has_include(<netinet6/in6_var.h>)"],
  [
    /^(SIOCSKEVFILT$|KEV_(VENDOR|NETWORK|ANY|MSG)_|kern_event_msg\.)/,
    "__has_include(<sys/kern_event.h>)",
  ],
  [/^SYSPROTO_EVENT$/, "__has_include(<sys/sys_domain.h>)"],
  [/^KEV_ND6_/, "defined KEV_ND6_SUBCLASS"],
];

/** The struct of each type of message, where it is not the one of `STRUCTS`. */
const OTHER_STRUCTS: Readonly<Record<BsdName, Readonly<Record<number, string>>>> = {
  darwin: { [DARWIN.RTM_IFINFO2]: "if_msghdr2" },
  freebsd: {},
  netbsd: {},
  openbsd: {},
};
const STRUCTS = {
  route: { struct: "rt_msghdr", prefix: "rtm_" },
  link: { struct: "if_msghdr", prefix: "ifm_" },
  address: { struct: "ifa_msghdr", prefix: "ifam_" },
  group: { struct: "ifma_msghdr", prefix: "ifmam_" },
} as const;
const MEMBERS = {
  index: "index",
  flags: "flags",
  addresses: "addrs",
  pid: "pid",
  sequence: "seq",
  error: "errno",
  type: "data.ifi_type",
  mtu: "data.ifi_mtu",
  linkState: "data.ifi_link_state",
} as const;

/** struct ifa_msghdr of NetBSD before 8 is in no header of today. */
const NO_STRUCT: readonly number[] = [NETBSD.RTM_ONEWADDR, NETBSD.RTM_ODELADDR];

function headerFacts(os: BsdName, type: number, header: Header): Fact[] {
  if (header.about === "announcement" || header.about === "chatter") return [];
  const { prefix, struct: usual } = STRUCTS[header.about];
  const struct = OTHER_STRUCTS[os][type] ?? usual;
  const { about: _, ...offsets } = header;
  return Object.entries(offsets).flatMap(([field, value]) =>
    field === "size"
      ? [sizeFact(struct, value)]
      : offsetFacts(struct, { [prefix + MEMBERS[field as keyof typeof MEMBERS]]: value })
  );
}

function layoutFacts(os: BsdName, layout: Layout): Fact[] {
  const common = ["rtm", "ifm", "ifam"] as const;
  const structs = { rtm: "rt_msghdr", ifm: "if_msghdr", ifam: "ifa_msghdr" } as const;
  const facts = [
    ...common.flatMap((prefix) =>
      offsetFacts(structs[prefix], {
        [`${prefix}_msglen`]: 0,
        [`${prefix}_version`]: 2,
        [`${prefix}_type`]: 3,
      })
    ),
    ...offsetFacts("sockaddr", { sa_len: 0, sa_family: 1 }),
    ...Object.entries(layout.headers)
      .filter(([type]) => os !== "netbsd" || !NO_STRUCT.includes(Number(type)))
      .flatMap(([type, header]) => headerFacts(os, Number(type), header)),
  ];
  // Several types of message share a struct.
  return [...new Map(facts.map((fact) => [fact.label, fact])).values()];
}

function errnoFacts(os: "darwin" | "freebsd"): Fact[] {
  return Array.from({ length: 150 }, (_, code) => ({ code, name: errnoName(os, code) }))
    .filter(({ name }) => name !== "E?")
    .map(({ code, name }) => ({ label: name, c: name, value: code }));
}

const BSD_FACTS = [...ABI_FACTS, { label: "sizeof nfds_t", c: "sizeof(nfds_t)", value: 4 }];

const darwin: System = {
  targets: ["aarch64-macos", "x86_64-macos"],
  headers: [...HEADERS, "net/net_kev.h"],
  optionalHeaders: ["netinet6/in6_var.h", "sys/kern_event.h", "sys/sys_domain.h"],
  facts: [
    ...BSD_FACTS,
    ...constantFacts(SHARED),
    ...constantFacts(DARWIN),
    ...Object.values(KERNEL_NOISE).flatMap(constantFacts),
    ...Object.values(SYSTEMS.darwin.linkTypes).flatMap(constantFacts),
    ...layoutFacts("darwin", SYSTEMS.darwin),
    ...errnoFacts("darwin"),
  ].map((fact) => ({
    ...fact,
    condition: NOT_SHIPPED.find(([names]) => names.test(fact.label))?.[1],
  })),
};

const freebsd: System = {
  targets: ["x86_64-freebsd", "aarch64-freebsd"],
  headers: [...HEADERS, "net/if_var.h", "netinet6/in6_var.h"],
  facts: [
    ...BSD_FACTS,
    ...constantFacts(SHARED),
    ...constantFacts(FREEBSD),
    ...Object.values(SYSTEMS.freebsd.linkTypes).flatMap(constantFacts),
    ...layoutFacts("freebsd", LAYOUTS.freebsd),
    ...errnoFacts("freebsd"),
  ],
};

const { SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_DL } = SHARED;
const SOCKADDRS = constantFacts({ SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_DL });

const netbsd: System = {
  targets: ["x86_64-netbsd"],
  headers: HEADERS,
  facts: [
    ...BSD_FACTS,
    ...SOCKADDRS,
    ...constantFacts(NETBSD),
    ...layoutFacts("netbsd", LAYOUTS.netbsd),
  ],
};

const openbsd: System = {
  targets: ["x86_64-openbsd"],
  headers: HEADERS,
  facts: [
    ...BSD_FACTS,
    ...SOCKADDRS,
    ...constantFacts(OPENBSD),
    ...layoutFacts("openbsd", LAYOUTS.openbsd),
  ],
};

/** All BSDs. */
export const BSD_SYSTEMS: readonly System[] = [darwin, freebsd, netbsd, openbsd];
