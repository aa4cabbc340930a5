/**
 * Random operations on a network, as commands of `ip`. The same seed gives the same commands, even if the
 * kernel refuses some.
 *
 * @module
 */
import { ADDRESS_OPERATIONS } from "./address_operations.ts";
import type { Random } from "./random.ts";
import { routeOperations } from "./route_operations.ts";
import { type Link, someLink, type Weighted, type World } from "./world.ts";

const MAX_LINKS = 9;
/** Few, so that a name is soon taken over by another link. */
const NAMES = [
  "a0",
  "a1",
  "b0",
  "b1",
  "c0",
  "c1",
  "d0",
  "d1",
  "e0",
  "e1",
  "eth0",
  "wlan0",
  "wwan0",
];

const LINK_OPERATIONS: readonly Weighted[] = [
  [8, addLink],
  [3, deleteLink],
  [18, setUp],
  [5, setDown],
  [4, rename],
  [3, setMtu],
  [3, setMac],
  [4, setFlag],
  [5, setMaster],
];

/** Endless commands; with `rules`, also some that change policy rules. */
export function* operations(
  random: Random,
  world: World,
  options: { rules: boolean },
): Generator<string, never> {
  const all = [...LINK_OPERATIONS, ...ADDRESS_OPERATIONS, ...routeOperations(options)];
  const total = all.reduce((sum, [weight]) => sum + weight, 0);
  for (;;) {
    let ticket = random.below(total);
    const chosen = all.find(([weight]) => (ticket -= weight) < 0)!;
    const command = chosen[1](world, random);
    if (command !== null) yield command;
  }
}

function addLink(world: World, random: Random): string | null {
  if (world.links.size >= MAX_LINKS) return null;
  const [name, other] = random.shuffle(freeNames(world));
  if (name === undefined || other === undefined) return null;
  const kind = random.pick(["veth", "veth", "bridge", "macvlan", "tun", "tap"] as const);
  const link: Link = { kind, up: false, other: null, port: false };
  if (kind === "macvlan") {
    const lower = [...world.links].filter(([, { kind }]) => kind === "veth" || kind === "tap");
    if (lower.length === 0) return null;
    link.other = random.pick(lower)[0];
  }
  if (kind === "veth") {
    link.other = other;
    world.links.set(other, { kind, up: false, other: name, port: false });
  }
  world.links.set(name, link);
  if (kind === "tun" || kind === "tap") {
    return hasTun() ? `tuntap add dev ${name} mode ${kind}` : `link add ${name} type ifb`;
  }
  if (kind === "veth") return `link add ${name} type veth peer name ${other}`;
  return `link add ${name}${kind === "macvlan" ? ` link ${link.other}` : ""} type ${kind}`;
}

/** On some machines only root may use the device; another kind of link takes its place there. */
function hasTun(): boolean {
  try {
    Deno.openSync("/dev/net/tun", { read: true, write: true }).close();
    return true;
  } catch {
    return false;
  }
}

function deleteLink(world: World, random: Random): string | null {
  const name = random.pick([null, ...world.links.keys()]);
  if (name === null) return null;
  forgetLink(world, name);
  return `link del ${name}`;
}

/** With the other end of a veth pair, and the macvlans on top of them. */
function forgetLink({ links, addresses }: World, name: string): void {
  const link = links.get(name);
  const gone = new Set([name]);
  if (link?.kind === "veth" && link.other !== null) gone.add(link.other);
  for (const [other, { other: lower }] of links) {
    if (lower !== null && gone.has(lower)) gone.add(other);
  }
  for (const each of gone) links.delete(each);
  const left = addresses.filter(({ link }) => !gone.has(link));
  addresses.splice(0, addresses.length, ...left);
}

function setUp(world: World, random: Random): string | null {
  const down = [...world.links].filter(([, link]) => !link.up);
  if (down.length === 0) return random.chance(0.1) ? "link set lo up" : null;
  // A veth has carrier when both ends are up.
  const halves = down.filter(([, { other }]) => other !== null && world.links.get(other)?.up);
  const [name, link] = random.pick(halves.length > 0 && random.chance(0.7) ? halves : down);
  link.up = true;
  return `link set ${name} up`;
}

function setDown(world: World, random: Random): string | null {
  const name = someLink(world, random);
  if (name === null) return random.chance(0.1) ? "link set lo down" : null;
  world.links.get(name)!.up = false;
  return `link set ${name} down`;
}

function rename(world: World, random: Random): string | null {
  const [name, to] = [someLink(world, random), random.pick(freeNames(world))];
  if (name === null) return null;
  const link = world.links.get(name)!;
  world.links.delete(name);
  world.links.set(to, link);
  for (const other of world.links.values()) if (other.other === name) other.other = to;
  for (const address of world.addresses) if (address.link === name) address.link = to;
  return `link set ${name} name ${to}`;
}

function setMtu(world: World, random: Random): string | null {
  const name = someLink(world, random);
  // IPv6 leaves a link whose MTU is below 1280, IPv4 one below 68.
  return name && `link set ${name} mtu ${random.pick([1000, 1280, 1400, 1500, 1500, 1500])}`;
}

function setMac(world: World, random: Random): string | null {
  const name = someLink(world, random);
  return name && `link set ${name} address 02:00:00:00:00:${random.bytes(1).toHex()}`;
}

function setFlag(world: World, random: Random): string | null {
  const name = someLink(world, random);
  const flag = random.pick(["arp", "promisc", "allmulticast", "multicast"]);
  return name && `link set ${name} ${flag} ${random.pick(["on", "off"])}`;
}

/** Never both ends of a veth pair, nor a macvlan: a loop of bridges causes a storm that stops the machine. */
function setMaster(world: World, random: Random): string | null {
  const name = someLink(world, random);
  if (name === null) return null;
  const link = world.links.get(name)!;
  const bridges = [...world.links].filter(([, { kind }]) => kind === "bridge");
  const isEnd = link.kind === "tap" || link.kind === "veth";
  if (bridges.length === 0 || !isEnd || random.chance(0.3)) {
    link.port = false;
    return `link set ${name} nomaster`;
  }
  if (link.other !== null && world.links.get(link.other)?.port) return null;
  link.port = true;
  return `link set ${name} master ${random.pick(bridges)[0]}`;
}

function freeNames({ links }: World): string[] {
  return NAMES.filter((name) => !links.has(name));
}
