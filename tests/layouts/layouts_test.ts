/**
 * The numbers of the product against the systems' own headers. A system of tomorrow is one more `System`.
 *
 *     pip install --target DIRECTORY ziglang==0.17.1
 *     NETWATCH_ZIG=DIRECTORY/ziglang/zig deno task layouts
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { missing, read, run, write } from "../support/skip.ts";
import { BSD_SYSTEMS } from "./bsd.ts";
import { LINUX } from "./linux.ts";
import { WINDOWS } from "./windows.ts";
import { compare, findZig } from "./zig.ts";

const withheld = missing([read, write, run, { permission: { name: "env" } }]);
const found = withheld === null ? findZig() : { missing: withheld };

check(
  "compare() reports a wrong number, an unknown name and what is not shipped",
  async (zig) => {
    const facts = [
      { label: "right", c: "AF_INET", value: 2 },
      { label: "wrong", c: "AF_INET", value: 3 },
      { label: "unknown", c: "AF_NOWHERE", value: 4 },
      { label: "not shipped", c: "AF_NOWHERE", value: 5, condition: "defined AF_NOWHERE" },
    ];
    const system = { targets: [], headers: ["sys/socket.h"], facts };
    assertEquals(await compare(zig, system, "x86_64-freebsd"), {
      equal: 1,
      different: [
        "wrong is 2, not 3",
        "unknown, 4 here: use of undeclared identifier 'AF_NOWHERE'",
      ],
      unchecked: ["not shipped"],
    });
  },
);

for (const system of [...BSD_SYSTEMS, LINUX, WINDOWS]) {
  for (const target of system.targets) {
    const name = `constants, sizes and offsets are those of the headers of ${target}`;
    check(name, async (zig) => {
      const { different, equal, unchecked } = await compare(zig, system, target);
      const note = unchecked.length === 0 ? "" : `; not shipped: ${unchecked.join(", ")}`;
      console.log(`${target}: ${equal} equal, ${different.length} different${note}`);
      assertEquals(different, []);
    });
  }
}

/** Registers a test that needs zig. */
function check(name: string, fn: (zig: string) => Promise<void>): void {
  if ("zig" in found) {
    Deno.test(name, () => fn(found.zig));
    return;
  }
  console.log(`skipped: ${name}: ${found.missing}`);
  Deno.test.ignore(name, () => {});
}
