/**
 * Random operations on addresses, as commands of `ip`.
 *
 * @module
 */
import type { Family, Weighted, World } from "./world.ts";
import { someAddress, someLink, takeOne } from "./world.ts";
import type { Random } from "./random.ts";

const LIFETIMES = [
  "preferred_lft 0 valid_lft 3000",
  "preferred_lft 900 valid_lft 3000",
  "preferred_lft forever valid_lft forever",
];

/** The operations. */
export const ADDRESS_OPERATIONS: readonly Weighted[] = [
  [14, addAddress],
  [6, addTwin],
  [9, deleteAddress],
  [4, changeLifetime],
  [1, flushAddresses],
];

function addAddress(world: World, random: Random): string | null {
  const link = someLink(world, random);
  const family = random.pick(["-4", "-6"] as const);
  return link && assign(world, random, family, someAddress(family, random), link);
}

/** The same address again: IPv4 keeps one for each prefix length and peer, IPv6 only one. */
function addTwin(world: World, random: Random): string | null {
  if (world.addresses.length === 0) return null;
  const { address, family, link } = random.pick(world.addresses);
  return assign(world, random, family, address, link);
}

function assign(
  world: World,
  random: Random,
  family: Family,
  address: string,
  link: string,
): string {
  const length = random.pick(family === "-4" ? [8, 16, 24, 24, 32] : [48, 64, 64, 128]);
  const peer = random.chance(0.4) ? ` peer ${someAddress(family, random)}` : "";
  const words = `${address}${peer}/${length}`;
  world.addresses.push({ family, address, link, words });
  const verb = random.pick(["add", "add", "replace"]);
  const lifetime = random.chance(0.2) ? ` ${random.pick(LIFETIMES)}` : "";
  return `${family} addr ${verb} ${words} dev ${link}${lifetime}`;
}

function deleteAddress(world: World, random: Random): string | null {
  const address = takeOne(world.addresses, random);
  return address && `${address.family} addr del ${address.words} dev ${address.link}`;
}

function changeLifetime(world: World, random: Random): string | null {
  if (world.addresses.length === 0) return null;
  const { family, link, words } = random.pick(world.addresses);
  return `${family} addr change ${words} dev ${link} ${random.pick(LIFETIMES)}`;
}

function flushAddresses(world: World, random: Random): string | null {
  const link = someLink(world, random);
  return link && `addr flush dev ${link}`;
}
