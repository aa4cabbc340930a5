/**
 * Random states for property tests: hostile names, addresses of every sort, routes to nowhere.
 *
 * @module
 */
import { buildState } from "../../state/build.ts";
import { formatIp } from "../../state/ip.ts";
import type { Reading } from "../../state/ports.ts";
import type { Address, DefaultRoute, Interface, InterfaceKind, State } from "../../state/types.ts";
import type { Random } from "./random.ts";
import { address } from "./states.ts";

/** Names that break records, terminals and parsers. */
export const HOSTILE_NAMES: readonly string[] = [
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "0",
  "12",
  "-1",
  "",
  " ",
  "eth0",
  "eth1",
  "lo",
  "wwan0",
  "\x1b[2J",
  "a\nb",
  "\u202egnp",
  "\ud800",
  "\\xff",
  'quo"te',
  "ünï",
];

const KINDS: readonly InterfaceKind[] = [
  "loopback",
  "ethernet",
  "wifi",
  "cellular",
  "tunnel",
  "bridge",
  "virtual",
  "unknown",
];

/** One address of each sort, and only a few, so that the same ones occur again. */
const ADDRESSES: readonly string[] = [
  "10.0.0.1",
  "10.0.0.2",
  "192.0.2.1",
  "169.254.7.7",
  "127.0.0.1",
  "0.0.0.0",
  "::1",
  "fe80::1",
  "fd00::1",
  "2001:db8::1",
  "2001:db8::2",
  "::ffff:192.0.2.1",
];

/** A reading as a source may return it: in any order, with some names and addresses twice. */
export function randomReading(random: Random): Reading {
  return {
    interfaces: Array.from({ length: random.below(6) }, () => randomInterface(random)),
    defaultRoute: { ipv4: randomRoute(random), ipv6: randomRoute(random) },
    knows: {
      links: random.chance(0.9),
      addressFlags: random.chance(0.9),
      routes: random.chance(0.9),
    },
  };
}

/** A state of such a reading, sometimes after a wake-up from sleep. */
export function randomState(random: Random): State {
  return buildState(randomReading(random), randomResume(random));
}

/** A state that differs from the other in one thing or a few, and shares the rest with it. */
export function randomNeighbour(random: Random, state: State): State {
  let interfaces = Object.values(state.interfaces);
  const { resumedAt: at, sleptMs } = state;
  let resumed = at === null || sleptMs === null ? null : { at, sleptMs };
  const defaultRoute = { ...state.defaultRoute };
  let knows = state.knows;
  for (let i = random.between(1, 3); i > 0; i--) {
    const change = random.below(10);
    if (change < 6) interfaces = mutated(random, interfaces);
    else if (change === 6) defaultRoute.ipv4 = randomRoute(random);
    else if (change === 7) defaultRoute.ipv6 = randomRoute(random);
    else if (change === 8) resumed = randomResume(random);
    else knows = { ...knows, routes: !knows.routes };
  }
  return buildState(
    { interfaces, defaultRoute, knows },
    resumed,
    random.chance(0.5) ? state : null,
  );
}

function mutated(random: Random, interfaces: readonly Interface[]): Interface[] {
  const place = random.below(interfaces.length + 1);
  const nic = interfaces[place];
  if (nic === undefined) return [...interfaces, randomInterface(random)];
  switch (random.below(5)) {
    case 0:
      return interfaces.filter((other) => other !== nic);
    case 1:
      return interfaces.with(place, { ...nic, name: random.pick(HOSTILE_NAMES) });
    case 2:
      return interfaces.with(place, { ...randomInterface(random), name: nic.name });
    case 3:
      return interfaces.with(place, {
        ...nic,
        addresses: [...nic.addresses, randomAddress(random)],
      });
    default:
      return interfaces.with(place, {
        ...nic,
        addresses: nic.addresses.map((held) =>
          random.chance(0.5) ? held : { ...held, tentative: !held.tentative }
        ).slice(random.below(2)),
      });
  }
}

/** An interface as a source may report it. */
export function randomInterface(random: Random): Interface {
  return {
    name: random.pick(HOSTILE_NAMES),
    index: random.below(8),
    kind: random.pick(KINDS),
    up: random.chance(0.8),
    running: random.chance(0.8),
    hostOnly: random.chance(0.3),
    flags: random.uint32(),
    mac: random.chance(0.3) ? null : `02:00:00:00:00:0${random.below(9)}`,
    mtu: random.pick([0, 1280, 1500, 65536]),
    addresses: Array.from({ length: random.below(5) }, () => randomAddress(random)),
  };
}

function randomAddress(random: Random): Address {
  const text = random.chance(0.9)
    ? random.pick(ADDRESSES)
    : formatIp(random.bytes(random.pick([4, 16])));
  const bits = text.includes(":") ? 128 : 32;
  return address(`${text}/${random.pick([0, 8, 24, bits])}`, {
    peer: random.chance(0.8) ? null : random.pick(ADDRESSES),
    scopeId: random.chance(0.8) ? null : random.below(8),
    tentative: random.chance(0.2),
    duplicated: random.chance(0.1),
    deprecated: random.chance(0.2),
    temporary: random.chance(0.2),
    permanent: random.chance(0.5),
  });
}

function randomRoute(random: Random): DefaultRoute | null {
  if (random.chance(0.3)) return null;
  return {
    interface: random.pick(HOSTILE_NAMES),
    gateway: random.chance(0.3) ? null : random.pick(ADDRESSES),
    source: random.chance(0.3) ? null : random.pick(ADDRESSES),
    metric: random.chance(0.3) ? null : random.below(3) * 100,
  };
}

function randomResume(random: Random): { at: number; sleptMs: number } | null {
  if (random.chance(0.5)) return null;
  return { at: random.below(3) * 1_000, sleptMs: random.pick([100, 599_999, 600_000]) };
}
