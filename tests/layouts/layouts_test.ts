/**
 * The numbers of the product against the systems' own headers. A system of tomorrow is one more `System`.
 *
 *     python3 -m venv venv && venv/bin/pip install ziglang==0.17.1
 *     NETWATCH_PYTHON=venv/bin/python deno task layouts
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { missing, read, run, write } from "../support/skip.ts";
import { BSD_SYSTEMS } from "./bsd.ts";
import { LINUX } from "./linux.ts";
import { compare, findZig, type Zig } from "./zig.ts";

const withheld = missing([read, write, run, { permission: { name: "env" } }]);
const zig = withheld === null ? findZig() : { missing: withheld };

check(
  "compare() reports a wrong number, an unknown name and what is not shipped",
  async (command) => {
    const facts = [
      { label: "right", c: "AF_INET", value: 2 },
      { label: "wrong", c: "AF_INET", value: 3 },
      { label: "unknown", c: "AF_NOWHERE", value: 4 },
      { label: "not shipped", c: "AF_NOWHERE", value: 5, condition: "defined AF_NOWHERE" },
    ];
    const system = { targets: [], headers: ["sys/socket.h"], facts };
    assertEquals(await compare(command, system, "x86_64-freebsd"), {
      equal: 1,
      different: [
        "wrong is 2, not 3",
        "unknown, 4 here: use of undeclared identifier 'AF_NOWHERE'",
      ],
      unchecked: ["not shipped"],
    });
  },
);

for (const system of [...BSD_SYSTEMS, LINUX]) {
  for (const target of system.targets) {
    const name = `constants, sizes and offsets are those of the headers of ${target}`;
    check(name, async (command) => {
      const { different, equal, unchecked } = await compare(command, system, target);
      const note = unchecked.length === 0 ? "" : `; not shipped: ${unchecked.join(", ")}`;
      console.log(`${target}: ${equal} equal, ${different.length} different${note}`);
      assertEquals(different, []);
    });
  }
}

/** Registers a test that needs zig. */
function check(name: string, fn: (command: Zig) => Promise<void>): void {
  if ("missing" in zig) console.log(`skipped: ${name}: ${zig.missing}`);
  Deno.test({
    name,
    ignore: "missing" in zig,
    fn: () => fn((zig as { command: Zig }).command),
  });
}
