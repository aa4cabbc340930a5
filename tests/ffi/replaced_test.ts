/**
 * The link table names the places where its lists differ, and states are built from those alone: they must be the
 * same as those built from nothing but the list.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LinkTable } from "../../ffi/linux/link_table.ts";
import { buildState } from "../../state/build.ts";
import { diffStates } from "../../state/diff.ts";
import { listsOf, REPLACED } from "../../state/interfaces.ts";
import type { Interface, State } from "../../state/types.ts";
import { linkMessage } from "../support/netlink.ts";
import { forSeeds, type Random } from "../support/random.ts";
import { reading } from "../support/states.ts";

const DRIVERS = [null, "veth", "bridge", "tun"];

/** Changes a few links and addresses: half of the time links neither come nor go. */
function change(table: LinkTable, random: Random): void {
  const comeAndGo = random.chance(0.5);
  for (let n = random.below(4); n >= 0; n--) {
    const index = 1 + random.below(8);
    const isThere = table.nameOf(index) !== null;
    if (comeAndGo && random.chance(0.2)) {
      table.deleteLink(index);
    } else if (isThere || comeAndGo) {
      const kind = DRIVERS[index % 4]!;
      const name = random.chance(0.1)
        ? `new${random.below(3)}`
        : table.nameOf(index) ?? `if${index}`;
      table.setLink(linkMessage(index, name, { kind, mtu: random.pick([1400, 1500]) }));
    }
    const local = random.pick([[10, 0, 0, index], [127, 0, 0, index], [192, 0, 2, index]]);
    const address = {
      family: "IPv4",
      index,
      prefixLength: 24,
      flags: 0,
      local,
      peer: null,
    } as const;
    if (random.chance(0.6)) table.setAddress(address);
    else table.deleteAddress(address);
  }
}

function build(interfaces: readonly Interface[], previous: State | null): State {
  return buildState(reading({ interfaces }), null, previous);
}

Deno.test("a state built from what the table replaced equals one built from its list", () => {
  forSeeds({ runs: 300, seed: 1 }, (random) => {
    const table = new LinkTable();
    let state = build(table.interfaces(), null);
    for (let step = 0; step < 40; step++) {
      change(table, random);
      const list = table.interfaces();
      if (random.chance(0.2)) continue; // a view that makes no state
      const next = build(list, state);
      const fresh = build(structuredClone(list), null);
      assertEquals(next, fresh);
      assertEquals(diffStates(state, next), diffStates(structuredClone(state), fresh));
      state = next;
    }
  });
});

Deno.test("the table's lists are sorted, whatever order the links came in", () => {
  const table = new LinkTable();
  for (const index of [300, 2, 258]) table.setLink(linkMessage(index, `if${index}`));
  assertEquals(table.interfaces().map(({ index }) => index), [2, 258, 300]);
  table.setLink(linkMessage(258, "if258", { mtu: 9000 }));
  assertEquals(table.interfaces().map(({ mtu }) => mtu), [1500, 9000, 1500]);
});

Deno.test("only the newest list of a table keeps the one before alive", () => {
  const table = new LinkTable();
  table.setLink(linkMessage(2, "eth0"));
  const lists = [1400, 1500, 1400].map((mtu) => {
    table.setLink(linkMessage(2, "eth0", { mtu }));
    return table.interfaces();
  });
  assert(REPLACED.get(lists[2]!)?.from === lists[1]);
  assertEquals(lists.map((list) => REPLACED.has(list)), [false, false, true]);
});

Deno.test("states keep the table's lists, so that the next one is compared with them at those places only", () => {
  const table = new LinkTable();
  let state: State | null = null;
  for (const mtu of [1400, 1500, 1400]) {
    for (const index of [2, 3]) table.setLink(linkMessage(index, `if${index}`, { mtu }));
    const before: State | null = state;
    state = build(table.interfaces(), before);
    assert(listsOf(state)?.given === table.interfaces());
    assert(before === null || listsOf(before)!.delta === null); // else all states stay alive
  }
});
