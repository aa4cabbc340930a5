/**
 * Tests of the questions to the syntax tree.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { denoUses, globalCalls, topLevelAwaits } from "./syntax.ts";

Deno.test("denoUses() sees the namespace in code and not in comments and texts", () => {
  const code =
    'const a = Deno.dlopen;\nlet b: Deno.PointerValue;\nconst { build } = Deno;\nDeno["pid"];';
  assertEquals(denoUses("a.ts", `// Deno.args\nconst c = "Deno.args", d = /Deno/;\n`), []);
  assertEquals(denoUses("a.ts", code), [
    "Deno.dlopen (line 1)",
    "Deno.PointerValue (line 2)",
    "Deno (line 3)",
    'Deno["pid"] (line 4)',
  ]);
});

Deno.test("globalCalls() sees calls of globals and not of methods", () => {
  const code = "clock.setTimeout(f, 1);\nsetTimeout(f, 1);\nglobalThis.setTimeout(f);\nDate.now();";
  assertEquals(globalCalls("a.ts", code, ["setTimeout", "Date.now"]), [
    "setTimeout (line 2)",
    "globalThis.setTimeout (line 3)",
    "Date.now (line 4)",
  ]);
});

Deno.test("topLevelAwaits() sees what an import would wait for", () => {
  const code = "async function f() { await 1; }\nif (g) await f();\nfor await (const a of b) {}";
  assertEquals(topLevelAwaits("a.ts", code), ["await f() (line 2)", "const a (line 3)"]);
  assertEquals(topLevelAwaits("a.ts", "const f = async () => await 1;"), []);
});
