/**
 * Random operations on routes, nexthop objects and policy rules, as commands of `ip`.
 *
 * @module
 */
import type { Family, Nexthop, Weighted, World } from "./world.ts";
import { someAddress, someLink, takeOne } from "./world.ts";
import type { Random } from "./random.ts";

const METRICS = [10, 20, 30, 100];
const REJECTING = ["unreachable", "blackhole", "prohibit", "throw"];
/** A table that only rules lead to. */
const TABLE = 77;
const MARK = "0xca6c";
const NEXTHOP_IDS = [1, 2, 3, 4, 5, 6];
const GROUP_IDS = [11, 12];
const RULE_PRIORITIES = [50, 100, 150, 200];
/** The halves of a split default route, finer parts of it, and prefixes that hold only some of the probes. */
interface Destinations {
  readonly halves: readonly string[];
  readonly parts: readonly string[];
  readonly probes: readonly string[];
}

/** `probes` never holds all probes of a half: then the half would have no default. */
const DESTINATIONS: Record<Family, Destinations> = {
  "-4": {
    halves: ["0.0.0.0/1", "128.0.0.0/1"],
    parts: ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/3", "0.0.0.0/3"],
    probes: ["23.0.0.1", "23.0.0.0/8", "73.0.0.0/24", "151.0.0.1", "203.0.113.0/24", "16.0.0.0/4"],
  },
  "-6": {
    halves: ["2000::/4", "3000::/4"],
    parts: ["2000::/3", "::/1", "::/2"],
    probes: ["2a0f::1", "2a0f::/16", "2c0f::/32", "3ffe::1", "3ffe::/16"],
  },
};

const NEXTHOP_OPERATIONS: readonly Weighted[] = [
  [5, addNexthop],
  [3, addGroup],
  [5, deleteNexthop],
  [9, addByNexthop],
];
const RULE_OPERATIONS: readonly Weighted[] = [
  [10, addRule],
  [8, deleteRule],
];

/**
 * The operations. With `rules`, also those on policy rules and on the table that they lead to, and on
 * parts of a half, but not those on
 *
 * - single probes: it would then matter which probe stands for a half, and routes longer than a default are
 *   not announced to the monitor;
 * - nexthop objects: they outlive IPv6 on their link, and rules then pass over the whole table
 *   (__fib6_rule_action() in net/ipv6/fib6_rules.c), of which iproute2 shows nothing.
 */
export function routeOperations({ rules }: { rules: boolean }): Weighted[] {
  return [
    [14, (world, random) => addDefault(world, random, rules)],
    [6, (world, random) => addTo(world, random, "halves")],
    [3, (world, random) => addTo(world, random, rules ? "parts" : "probes")],
    [8, addMultipath],
    [3, (world, random) => addRejecting(world, random, rules)],
    [10, deleteRoute],
    ...(rules ? RULE_OPERATIONS : NEXTHOP_OPERATIONS),
  ];
}

function addDefault(world: World, random: Random, rules: boolean): string | null {
  const family = someFamily(random);
  const hop = someHop(world, family, random);
  if (hop === null) return null;
  const source = random.chance(0.1) ? ` src ${someAddress(family, random)}` : "";
  return addRoute(world, family, random, `default${someTable(random, rules)}`, `${hop}${source}`);
}

function addTo(world: World, random: Random, what: keyof Destinations): string | null {
  const family = someFamily(random);
  const hop = someHop(world, family, random);
  return hop && addRoute(world, family, random, random.pick(DESTINATIONS[family][what]), hop);
}

function addMultipath(world: World, random: Random): string | null {
  const family = someFamily(random);
  const links = [usableLink(world, random), usableLink(world, random)];
  if (links.includes(null)) return null;
  // IPv6 accepts no next hops without a gateway here.
  const hops = links
    .map((link) => `nexthop via ${gatewayOf(family, random)} dev ${link} onlink`)
    .join(" ");
  return addRoute(world, family, random, "default", hops);
}

function addRejecting(world: World, random: Random, rules: boolean): string {
  const family = someFamily(random);
  const destination = random.chance(0.6) ? "default" : random.pick(DESTINATIONS[family].halves);
  const words = `${random.pick(REJECTING)} ${destination}${someTable(random, rules)}`;
  return addRoute(world, family, random, words, "");
}

/** The metric comes before the next hops, since everything after `nexthop` belongs to it. */
function addRoute(
  world: World,
  family: Family,
  random: Random,
  destination: string,
  hop: string,
): string {
  const metric = random.chance(0.3) ? "" : ` metric ${random.pick(METRICS)}`;
  world.routes.push({ family, words: `${destination}${metric}` });
  const verb = random.pick(["add", "replace", "replace"]);
  return `${family} route ${verb} ${destination}${metric} ${hop}`.trimEnd();
}

function deleteRoute(world: World, random: Random): string | null {
  const route = takeOne(world.routes, random);
  return route && `${route.family} route del ${route.words}`;
}

/** `onlink`: the gateway need not be in a prefix of the link. IPv4 may use an IPv6 gateway. */
function someHop(world: World, family: Family, random: Random): string | null {
  const link = usableLink(world, random);
  if (link === null) return null;
  const gateway = random.below(10);
  if (gateway < 3) return `dev ${link}`;
  if (gateway === 3 && family === "-4") return `via inet6 fe80::1 dev ${link}`;
  return `via ${gatewayOf(family, random)} dev ${link} onlink`;
}

/** The kernel refuses next hops through a link that is down: a few attempts are enough. */
function usableLink(world: World, random: Random): string | null {
  const usable = [...world.links.keys()].filter((name) => hasCarrier(world, name));
  return usable.length > 0 && random.chance(0.9) ? random.pick(usable) : someLink(world, random);
}

/** Nobody holds the other end of a tun or tap, and a bridge depends on its ports. */
function hasCarrier({ links }: World, name: string): boolean {
  const link = links.get(name);
  if (link === undefined || !link.up || link.other === null) return false;
  return links.get(link.other)?.up === true;
}

function gatewayOf(family: Family, random: Random): string {
  return random.pick(
    family === "-4" ? ["10.0.0.254", "192.168.1.254"] : ["fe80::1", "fe80::2", "fd00::fe"],
  );
}

function addNexthop(world: World, random: Random): string | null {
  const link = usableLink(world, random);
  if (link === null) return null;
  const id = random.pick(NEXTHOP_IDS);
  const known = world.nexthops.get(id);
  const family = known?.family ?? someFamily(random);
  if (known === undefined) world.nexthops.set(id, { family, group: false, used: false });
  const hop = random.chance(0.1)
    ? "blackhole"
    : random.chance(0.3)
    ? `dev ${link}`
    : `via ${gatewayOf(family, random)} dev ${link} onlink`;
  return `${family} nexthop ${known === undefined ? "add" : "replace"} id ${id} ${hop}`;
}

function addGroup(world: World, random: Random): string | null {
  const family = someFamily(random);
  const members = random.shuffle(usableNexthops(world))
    .filter(([, nexthop]) => !nexthop.group && nexthop.family === family)
    .slice(0, random.between(1, 2));
  const id = random.pick(GROUP_IDS);
  const known = world.nexthops.get(id);
  if (members.length === 0 || known !== undefined && known.family !== family) return null;
  for (const [, member] of members) member.used = true;
  if (known === undefined) world.nexthops.set(id, { family, group: true, used: false });
  const ids = members.map(([member]) => member).join("/");
  return `nexthop ${known === undefined ? "add" : "replace"} id ${id} group ${ids}`;
}

function deleteNexthop(world: World, random: Random): string | null {
  const id = random.pick([null, ...world.nexthops.keys()]);
  if (id === null) return null;
  world.nexthops.delete(id);
  return `nexthop del id ${id}`;
}

function addByNexthop(world: World, random: Random): string | null {
  const nexthop = random.pick([null, ...usableNexthops(world)]);
  if (nexthop === null) return null;
  const [id, object] = nexthop;
  object.used = true;
  return addRoute(world, object.family, random, "default", `nhid ${id}`);
}

/**
 * An IPv6 object is used for one route only: the kernel answers a route query from a cache that it keeps
 * with the object. If two routes share an object, it names either of them or, after one was deleted, none
 * (rt6_get_pcpu_route() in net/ipv6/route.c; seen on Linux 6.18).
 */
function usableNexthops({ nexthops }: World): [number, Nexthop][] {
  return [...nexthops].filter(([, { family, used }]) => family === "-4" || !used);
}

function addRule(world: World, random: Random): string {
  const family = someFamily(random);
  const words = `pref ${random.pick(RULE_PRIORITIES)} ${ruleBody(world, family, random)}`;
  world.rules.push({ family, words });
  return `${family} rule add ${words}`;
}

function ruleBody(world: World, family: Family, random: Random): string {
  const probe = random.pick(DESTINATIONS[family].probes);
  return random.pick([
    `lookup ${TABLE}`,
    // As wg-quick does.
    `not fwmark ${MARK} lookup ${TABLE}`,
    "lookup main suppress_prefixlength 0",
    `lookup main suppress_prefixlength ${random.between(0, 4)}`,
    `fwmark ${MARK} lookup ${TABLE}`,
    `from ${someAddress(family, random)} lookup ${TABLE}`,
    `to ${probe} lookup ${TABLE}`,
    `to ${probe} ${random.pick(["unreachable", "blackhole", "prohibit"])}`,
    `not to ${probe} lookup ${TABLE}`,
    `iif lo lookup ${TABLE}`,
    `iif ${someLink(world, random) ?? "a0"} lookup ${TABLE}`,
    `oif ${someLink(world, random) ?? "a0"} lookup ${TABLE}`,
    "goto 32766",
    random.chance(0.2) ? "unreachable" : "nop",
  ]);
}

function deleteRule(world: World, random: Random): string | null {
  if (random.chance(0.1)) {
    // Not for IPv6, which applies it only once another rule was added (fib6_rule_lookup()).
    return `-4 rule ${random.pick(["del", "add", "add"])} pref 32766 lookup main`;
  }
  const rule = takeOne(world.rules, random);
  return rule && `${rule.family} rule del ${rule.words}`;
}

function someTable(random: Random, rules: boolean): string {
  return rules && random.chance(0.4) ? ` table ${TABLE}` : "";
}

function someFamily(random: Random): Family {
  return random.pick(["-4", "-6"]);
}
