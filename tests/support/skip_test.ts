/**
 * Tests of the skipping of tests, run in a child that has fewer rights.
 *
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runDeno } from "./run.ts";
import { missing, read, run, skippable, write } from "./skip.ts";

const needs = [read, write, run];

Deno.test("missing() finds nothing missing where nothing is needed", () => {
  assertEquals(missing([]), null);
});

skippable({
  name: "skippable() ignores the test, with the reason printed, when a permission is missing",
  needs,
  async fn() {
    const output = await testUnder([], "[ffi]");
    assertStringIncludes(output, "skipped: it: needs --allow-ffi");
    assertMatch(output, /^ok \| 0 passed \| 0 failed \| 1 ignored/m);
  },
});

skippable({
  name: "skippable() ignores the test when a folder is missing",
  needs,
  async fn() {
    const output = await testUnder(["--allow-read"], `[{ folder: "/no/such/folder" }]`);
    assertStringIncludes(output, "skipped: it: the folder '/no/such/folder' is not there");
  },
});

skippable({
  name: "skippable() ignores the test when a command may not be run",
  needs,
  async fn() {
    assertStringIncludes(await testUnder([], `["ip"]`), "skipped: it: needs --allow-run=ip");
  },
});

skippable({
  name: "skippable() ignores the test when a command is missing",
  needs,
  async fn() {
    const output = await testUnder(["--allow-run"], `["ip"]`, { PATH: "/no/such/folder" });
    assertStringIncludes(output, "skipped: it: 'ip' is not installed");
  },
});

skippable({
  name: "skippable() runs the test when nothing is missing",
  needs,
  async fn() {
    const output = await testUnder(["--allow-read"], `[read, { folder: "." }]`);
    assertMatch(output, /^ok \| 1 passed \| 0 failed/m);
    assertEquals(output.includes("skipped: "), false);
  },
});

/** What `deno test` prints for one test, named "it", with those needs. */
async function testUnder(
  flags: string[],
  needs: string,
  env: Record<string, string> = {},
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "netwatch-" });
  try {
    const skip = JSON.stringify(new URL("./skip.ts", import.meta.url).href);
    const source = `import { ffi, read, skippable } from ${skip};\nvoid ffi, read;\n` +
      `skippable({ name: "it", needs: ${needs}, fn() {} });\n`;
    await Deno.writeTextFile(`${folder}/it_test.ts`, source);
    const args = ["test", "--no-config", "--no-check", ...flags, "it_test.ts"];
    return (await runDeno(args, { cwd: folder, env })).stdout;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
