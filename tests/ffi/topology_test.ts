import { assertEquals } from "@std/assert";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { linkMessage } from "../support/netlink.ts";
import { forSeeds } from "../support/random.ts";

type Link = [index: number, physical: boolean, master: number | null, parent: number | null];

/** With a tunnel that is up, so that it is no container. */
function makeTable(): LinkTable {
  const table = new LinkTable();
  table.setLink(linkMessage(99, "tun99", { kind: "tun" }));
  return table;
}

function set(table: LinkTable, [index, physical, master, parent]: Link): void {
  const kind = physical ? null : "veth";
  table.setLink(
    linkMessage(index, `${physical ? "wlan" : "veth"}${index}`, { kind, master, parent }),
  );
}

/** The physical and virtual links that lead out. */
function leadingOut(table: LinkTable): number[] {
  const links = table.interfaces().filter(({ hostOnly, index }) => !hostOnly && index !== 99);
  return links.map(({ index }) => index).sort((a, b) => a - b);
}

function onHardware(links: readonly Link[]): number[] {
  const table = makeTable();
  for (const link of links) set(table, link);
  return leadingOut(table);
}

const ROWS: [name: string, links: Link[], onHardware: number[]][] = [
  ["nothing", [], []],
  ["an idle bridge beside ethernet", [[2, true, null, null], [3, false, null, null]], [2]],
  ["a bridge with an ethernet port", [[2, true, 3, null], [3, false, null, null]], [2, 3]],
  ["a bridge with veth ports, whose peers are elsewhere", [
    [2, true, null, null],
    [3, false, null, null],
    [4, false, 3, null],
  ], [2]],
  ["a veth that is a port beside ethernet does not lead out itself", [
    [2, true, 3, null],
    [3, false, null, null],
    [4, false, 3, null],
  ], [2, 3]],
  ["a VLAN on a bond of two ethernets", [
    [2, true, 4, null],
    [3, true, 4, null],
    [4, false, null, null],
    [5, false, null, 4],
  ], [2, 3, 4, 5]],
  ["a VLAN on ethernet that is a port of a bridge, with a macvlan on that", [
    [2, true, null, null],
    [5, false, 6, 2],
    [6, false, null, null],
    [7, false, null, 6],
  ], [2, 5, 6, 7]],
  ["a veth pair: each end names the other", [
    [2, true, null, null],
    [3, false, null, 4],
    [4, false, null, 3],
  ], [2]],
  ["a veth pair with one end in a bridge with ethernet", [
    [2, true, 5, null],
    [3, false, null, 4],
    [4, false, 5, 3],
    [5, false, null, null],
  ], [2, 5]],
  ["a loop of masters and parents ends", [
    [1, true, 2, 3],
    [2, false, 3, 1],
    [3, false, 1, 2],
  ], [1, 2, 3]],
  ["a loop without hardware", [[1, false, 2, 2], [2, false, 1, 1]], []],
  ["a master and a parent that do not exist", [[1, true, 77, null], [2, false, 78, 79]], [1]],
];

Deno.test("LinkTable finds what sits on hardware:", async (t) => {
  for (const [name, links, expected] of ROWS) {
    await t.step(name, () => assertEquals(onHardware(links), expected));
  }
});

Deno.test("LinkTable replaces only the interfaces that sit on hardware now, or no longer", () => {
  const table = makeTable();
  set(table, [2, true, 3, null]);
  set(table, [3, false, null, null]);
  set(table, [4, false, null, 2]);
  const before = table.interfaces();
  assertEquals(leadingOut(table), [2, 3, 4]);
  set(table, [2, true, null, null]);
  const replaced = table.interfaces().filter((nic, i) => nic !== before[i]);
  assertEquals(replaced.map(({ index }) => index), [3]);
  table.deleteLink(2);
  assertEquals(leadingOut(table), []);
});

Deno.test("LinkTable knows a container: all lead out, until hardware or a tunnel is there", () => {
  const table = new LinkTable();
  const tunnel = (flags: number) => table.setLink(linkMessage(4, "sit0", { kind: "sit", flags }));
  set(table, [3, false, null, null]);
  tunnel(0); // tunl0, sit0
  assertEquals(leadingOut(table), [3, 4]);
  tunnel(1);
  assertEquals(leadingOut(table), [4]);
  tunnel(0);
  assertEquals(leadingOut(table), [3, 4]);
  for (const name of ["eth0", "wlan0", "wwan0"]) {
    table.setLink(linkMessage(5, name, { flags: 0 }));
    assertEquals(leadingOut(table), [4, 5]);
    table.deleteLink(5);
    assertEquals(leadingOut(table), [3, 4]);
  }
});

/** The definition: by recursion from each link, over all links. */
function definition(links: ReadonlyMap<number, Link>): number[] {
  const leadsOut = (index: number, path: readonly number[]): boolean => {
    const link = links.get(index);
    if (link === undefined || path.includes(index)) return false;
    const [, physical, , parent] = link;
    const below = [...links.values()].filter(([, , master]) => master === index).map(([it]) => it);
    if (parent !== null) below.push(parent);
    return physical || below.some((it) => leadsOut(it, [...path, index]));
  };
  return [...links.keys()].filter((index) => leadsOut(index, [])).sort((a, b) => a - b);
}

Deno.test("LinkTable agrees with the definition, whatever happens to the links", () => {
  forSeeds({ runs: 300, seed: 19 }, (random) => {
    const table = makeTable();
    const links = new Map<number, Link>();
    const some = (): number | null => random.chance(0.5) ? null : random.below(7);
    for (let i = 0; i < 20; i++) {
      const index = random.below(7);
      if (random.chance(0.2)) {
        links.delete(index);
        table.deleteLink(index);
      } else {
        const link: Link = [index, random.chance(0.2), some(), some()];
        links.set(index, link);
        set(table, link);
      }
      assertEquals(leadingOut(table), definition(links));
    }
  });
});
