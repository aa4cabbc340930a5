import { assertEquals } from "@std/assert";
import { Topology } from "../../ffi/linux/topology.ts";
import { forSeeds } from "../support/random.ts";

type Link = [index: number, physical: boolean, master: number | null, parent: number | null];

/** With a tunnel that is up, so that it is no container. */
function makeTopology(): Topology {
  const topology = new Topology();
  topology.set(99, "tunnel", true, null, null);
  return topology;
}

function set(topology: Topology, [index, physical, master, parent]: Link): void {
  topology.set(index, physical ? "wifi" : "virtual", true, master, parent);
}

function onHardware(links: readonly Link[]): number[] {
  const topology = makeTopology();
  for (const link of links) set(topology, link);
  topology.update();
  return links.map(([index]) => index).filter((index) => topology.leadsOut(index));
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

Deno.test("Topology finds what sits on hardware:", async (t) => {
  for (const [name, links, expected] of ROWS) {
    await t.step(name, () => assertEquals(onHardware(links), expected));
  }
});

Deno.test("Topology.update() returns what differs since the last one", () => {
  const topology = makeTopology();
  set(topology, [2, true, 3, null]);
  set(topology, [3, false, null, null]);
  assertEquals(topology.update(), [99, 2, 3]);
  assertEquals(topology.update(), []);
  set(topology, [2, true, null, null]);
  assertEquals(topology.update(), [3]);
  set(topology, [4, false, null, 2]);
  topology.delete(2);
  assertEquals(topology.update(), [2]);
  assertEquals(topology.leadsOut(4), false);
});

Deno.test("Topology knows a container: everything leads out, until hardware or a tunnel is there", () => {
  const topology = new Topology();
  topology.set(3, "virtual", true, null, null);
  topology.set(4, "tunnel", false, null, null); // tunl0, sit0
  topology.update();
  assertEquals(topology.leadsOut(3), true);
  topology.set(4, "tunnel", true, null, null);
  assertEquals(topology.update(), [3, 4]);
  assertEquals(topology.leadsOut(3), false);
  topology.set(4, "tunnel", false, null, null);
  assertEquals(topology.update(), [3, 4]);
  for (const kind of ["ethernet", "wifi", "cellular"] as const) {
    topology.set(5, kind, false, null, null);
    topology.update();
    assertEquals(topology.leadsOut(3), false);
    topology.delete(5);
    topology.update();
    assertEquals(topology.leadsOut(3), true);
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

Deno.test("Topology agrees with its definition, whatever happens to the links", () => {
  forSeeds({ runs: 300, seed: 19 }, (random) => {
    const topology = makeTopology();
    topology.update();
    const links = new Map<number, Link>();
    const some = (): number | null => random.chance(0.5) ? null : random.below(7);
    for (let i = 0; i < 20; i++) {
      const index = random.below(7);
      if (random.chance(0.2)) {
        links.delete(index);
        topology.delete(index);
      } else {
        const link: Link = [index, random.chance(0.2), some(), some()];
        links.set(index, link);
        set(topology, link);
      }
      const before = [...Array(7).keys()].filter((it) => topology.leadsOut(it));
      const changed = topology.update();
      const after = [...Array(7).keys()].filter((it) => topology.leadsOut(it) && links.has(it));
      assertEquals(after, definition(links));
      for (const it of after) assertEquals(changed.includes(it), !before.includes(it));
    }
  });
});
