/**
 * Each rule of the lint plugin reports what it is for, and nothing else.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import plugin from "./plugin.ts";

/** A snippet in a file of that path, beside what is reported: the rule and the text it points at. */
type Row = [name: string, path: string, code: string, reported: string[]];

const HEAD = "/**\n * Words.\n *\n * @module\n */\n";

const ROWS: Row[] = [
  ["state imports state", "state/a.ts", 'import { b } from "./b.ts";', []],
  ["ffi imports state", "ffi/linux/a.ts", 'import type { B } from "../../state/b.ts";', []],
  ["mod.ts joins", "mod.ts", 'import "./ffi/a.ts"; export * from "./actor/b.ts";', []],
  ["the example imports mod.ts", "examples/watch.ts", 'import { b } from "../mod.ts";', []],
  ["a test imports anything", "tests/a_test.ts", 'import "../ffi/a.ts"; import "npm:b";', []],
  ["state imports ffi", "state/a.ts", 'import { b } from "../ffi/b.ts";', [
    'layer-imports "../ffi/b.ts"',
  ]],
  ["state imports a package", "state/a.ts", 'import { b } from "@std/async/delay";', [
    'layer-imports "@std/async/delay"',
  ]],
  ["ffi re-exports actor", "ffi/a.ts", 'export { b } from "../actor/b.ts";', [
    'layer-imports "../actor/b.ts"',
  ]],
  ["ffi re-exports all of actor", "ffi/a.ts", 'export * from "../actor/b.ts";', [
    'layer-imports "../actor/b.ts"',
  ]],
  ["actor loads ffi later", "actor/machine/a.ts", 'const b = () => import("../../ffi/b.ts");', [
    'layer-imports "../../ffi/b.ts"',
  ]],
  ["actor names a type of ffi", "actor/a.ts", 'export type B = import("../ffi/b.ts").B;', [
    'layer-imports "../ffi/b.ts"',
  ]],
  ["actor imports mod.ts", "actor/a.ts", 'import { b } from "../mod.ts";', [
    'layer-imports "../mod.ts"',
  ]],
  ["actor imports the logger", "actor/a.ts", 'import { b } from "@std/log/get-logger";', []],
  ["actor imports another part of it", "actor/a.ts", 'import { b } from "@std/log";', [
    'layer-imports "@std/log"',
  ]],
  ["Linux imports what is shared", "ffi/linux/a.ts", 'import { b } from "../b.ts";', []],
  [
    "one that chooses imports both",
    "ffi/a.ts",
    'import("./linux/b.ts"); import("./bsd/b.ts");',
    [],
  ],
  ["Linux imports BSD", "ffi/linux/a.ts", 'import { b } from "../bsd/b.ts";', [
    'layer-imports "../bsd/b.ts"',
  ]],

  ["a pointer's type", "ffi/a.ts", "export type A = Deno.PointerValue;", []],
  ["a view of foreign memory", "ffi/a.ts", "const a = new Deno.UnsafePointerView(b);", [
    "no-unsafe-pointer Deno.UnsafePointerView",
  ]],
  ["the type of one", "ffi/a.ts", "let a: Deno.UnsafeCallback;", [
    "no-unsafe-pointer Deno.UnsafeCallback",
  ]],
  ["one behind a text", "ffi/a.ts", 'const a = Deno["UnsafePointer"];', [
    'no-unsafe-pointer Deno["UnsafePointer"]',
  ]],
  ["one behind a pattern", "ffi/a.ts", "const { UnsafePointer } = Deno;", [
    "no-unsafe-pointer { UnsafePointer } = Deno",
  ]],
  ["one in a test", "tests/a_test.ts", "const a = Deno.UnsafePointer;", []],

  ["the library opens one", "ffi/library.ts", "const a = Deno.dlopen(b, {});", []],
  ["another file opens one", "ffi/linux/a.ts", "const a = Deno.dlopen(b, {});", [
    "dlopen-in-library Deno.dlopen",
  ]],

  ["ffi starts a program", "ffi/a.ts", 'new Deno.Command("ip").spawn();', [
    "no-child-process Deno.Command",
  ]],
  ["ffi imports what starts one", "ffi/a.ts", 'import "node:child_process";', [
    'layer-imports "node:child_process"',
  ]],

  ["ffi uses the namespace", "ffi/a.ts", "const a = Deno.build.os;", []],
  ["a comment and a text", "state/a.ts", 'const a = "Deno.args"; // Deno.args', []],
  ["a property of that name", "state/a.ts", "const a = b.Deno;", []],
  ["state uses the namespace", "state/a.ts", "const a = Deno.build.os;", [
    "no-deno-namespace Deno.build",
  ]],
  ["actor uses a type of it", "actor/a.ts", "let a: Deno.Addr;", ["no-deno-namespace Deno.Addr"]],
  ["the connection pool uses it", "actor/fetch.ts", "Deno.createHttpClient({});", []],
  ["the system clock uses it", "actor/clock.ts", "Deno.unrefTimer(setTimeout(f, 1));", []],

  ["a method of that name", "actor/a.ts", "clock.setTimeout(f, 1); clock.now();", []],
  ["the time in ffi", "ffi/a.ts", "Date.now();", []],
  ["a timer in actor", "actor/a.ts", "setTimeout(f, 1); globalThis.setInterval(f, 1);", [
    "no-time-no-chance setTimeout",
    "no-time-no-chance globalThis.setInterval",
  ]],
  ["the time in actor", "actor/a.ts", "Date.now(); performance.now();", [
    "no-time-no-chance Date.now",
    "no-time-no-chance performance.now",
  ]],
  ["time and chance in state", "state/a.ts", "new Date(); Math.random(); queueMicrotask(f);", [
    "no-time-no-chance Date",
    "no-time-no-chance Math.random",
    "no-time-no-chance queueMicrotask",
  ]],

  [
    "an await in functions",
    "actor/a.ts",
    "const f = async () => await 1; async function g() { await f(); }",
    [],
  ],
  ["an await at the top", "actor/a.ts", "if (a) await f(); for await (const b of c) {}", [
    "no-top-level-await await f()",
    "no-top-level-await for await (const b of c) {}",
  ]],
  ["an await at the top of a test", "tests/a_test.ts", "await f();", []],

  ["a module of 400 lines", "tests/a.ts", "a;\n".repeat(395), []],
  ["a module of 401 lines", "tests/a.ts", `${"a;\n".repeat(394)}b;\nc;`, ["file-length"]],
  ["data of any length", "tests/fixtures/a.ts", "a;\n".repeat(900), []],
];

Deno.test("the lint plugin reports", async (t) => {
  for (const [name, path, code, reported] of ROWS) {
    await t.step(name, () => assertEquals(lint(path, HEAD + code), reported));
  }
});

Deno.test("the lint plugin demands a module comment of published modules", () => {
  const code = "/** A comment. */\nexport const a = 1;";
  assertEquals(lint("state/a.ts", code), ["module-comment export const a = 1;"]);
  assertEquals(lint("state/a.ts", "// Words.\nexport const a = 1;"), []);
  assertEquals(lint("mod.ts", "// @module */\nexport const a = 1;").length, 1);
  assertEquals(lint("tests/a.ts", code), []);
});

Deno.test("every rule of the lint plugin is seen to report", () => {
  const seen = new Set(ROWS.flatMap(([, , , reported]) => reported.map((it) => it.split(" ")[0])));
  assertEquals(Object.keys(plugin.rules).filter((rule) => !seen.has(rule)), ["module-comment"]);
});

/** What is reported, in the order of the text: rule and text, without the text of whole modules. */
function lint(path: string, code: string): string[] {
  const diagnostics = Deno.lint.runPlugin(plugin, path, code);
  return diagnostics.toSorted((a, b) => a.range[0] - b.range[0]).map(({ id, range }) => {
    const rule = id.replace(/^netwatch\//, "");
    return rule === "file-length" ? rule : `${rule} ${code.slice(...range)}`;
  });
}
