/**
 * The README and the documentation agree with the code.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Model } from "../actor/machine/model.ts";
import { resolveMonitorOptions, resolveSnapshotOptions } from "../actor/options.ts";
import { HELP } from "../examples/watch/help.ts";
import { libcRequest as bsdLibcRequest } from "../ffi/bsd/libc.ts";
import { libcRequest } from "../ffi/linux/syscalls.ts";
import { headingsOf, matches, pages, relativeLinks } from "./support/pages.ts";
import { readText } from "./support/published.ts";
import { ROOT } from "./support/run.ts";
import { read, skippable } from "./support/skip.ts";

skippable({
  name: "README's commands stand on lines of their own and name the deno of .ci/run",
  needs: [read],
  fn() {
    const version = /^DENO_VERSION=(\S+)$/m.exec(readText(".ci/run"))?.[1];
    assert(version !== undefined, "no DENO_VERSION in .ci/run");
    const readme = readText("README.md");
    for (const command of ["run --allow-ffi examples/watch.ts", "test -P"]) {
      assertStringIncludes(
        readme,
        `\n\`\`\`sh\nnpx -y --prefer-offline deno@${version} ${command}\n\`\`\`\n`,
      );
    }
    const workflows = [...Deno.readDirSync(new URL(".github/workflows", ROOT))]
      .map(({ name }) => readText(`.github/workflows/${name}`));
    const versions = [
      ...pages().flatMap(([, text]) => matches(text, /deno@([\d.]*\d)/g)),
      ...workflows.flatMap((text) => matches(text, /deno-version: (\S+)/g)),
    ];
    assertEquals(new Set(versions), new Set([version]));
  },
});

skippable({
  name: "relative links lead to files and headings, and from the README to every page",
  needs: [read],
  fn() {
    const linked = new Set(["README.md", "CHANGELOG.md"]);
    for (const { from, to, heading } of relativeLinks()) {
      Deno.statSync(new URL(to, ROOT)); // throws if it is missing
      if (heading !== null) {
        assert(headingsOf(readText(to)).includes(heading), `${from}: no heading ${to}#${heading}`);
      }
      if (from === "README.md") linked.add(to);
    }
    assertEquals(pages().map(([path]) => path).filter((path) => !linked.has(path)), []);
  },
});

Deno.test("headingsOf() makes the anchors of GitHub", () => {
  const text = "# How `it` works, in short\n```sh\n# no heading\n```\n## A-b_c?\n";
  assertEquals(headingsOf(text), ["how-it-works-in-short", "a-b_c"]);
});

skippable({
  name: "the commands on the pages name tasks and files that exist, and JSON blocks parse",
  needs: [read],
  fn() {
    const { tasks } = JSON.parse(readText("deno.json"));
    for (const [path, text] of pages()) {
      const named = matches(text, /deno task ([\w:]+)/g).filter((name) => !(name in tasks));
      assertEquals(named, [], `${path}: deno task`);
      const blocks = matches(text, /^```sh\n([^]*?)^```/gm).join("\n");
      const files = matches(blocks, /(?:^|\s)((?:examples|tests)\/[\w/.]+\.\w+)/gm);
      for (const file of files) Deno.statSync(new URL(file, ROOT)); // throws if it is missing
      for (const json of matches(text, /^```json\n([^]*?)^```/gm)) JSON.parse(json);
    }
  },
});

skippable({
  name: "the pages name only options that the example program has",
  needs: [read],
  fn() {
    const known = [...optionsIn(HELP), "--doc", "--lint", "--watch", "--check", "--config"];
    for (const [path, text] of pages()) {
      const examples = matches(text, /((?:watch(?:\.ts)?|program) .*--.*)/g).join(" ");
      assertEquals(optionsIn(examples).filter((option) => !known.includes(option)), [], path);
    }
  },
});

skippable({
  name: "docs/options.md lists the options of the API with their defaults",
  needs: [read],
  fn() {
    const page = readText("docs/options.md");
    for (const options of [resolveMonitorOptions(), resolveSnapshotOptions()]) {
      for (const [name, value] of Object.entries(options)) {
        const row = new RegExp(`^\\| \`${name}\` .*$`, "m").exec(page)?.[0];
        assert(row !== undefined, `${name} is not in a table`);
        const isDerived = name === "settleMaxMs"; // from settleMs
        if (["number", "boolean", "string"].includes(typeof value) && !isDerived) {
          assertStringIncludes(row, `| \`${JSON.stringify(value)}\` `);
        }
      }
    }
  },
});

skippable({
  name: "docs/permissions.md lists paths of the C library that are tried",
  needs: [read],
  fn() {
    const tried = (["x86_64", "aarch64"] as const).flatMap((arch) => [
      ...libcRequest(undefined, { arch, target: "linux-gnu" }).candidates,
      ...libcRequest(undefined, { arch, target: "linux-musl" }).candidates,
      ...bsdLibcRequest("darwin", undefined).candidates,
      ...bsdLibcRequest("freebsd", undefined).candidates,
    ]);
    const named = matches(
      readText("docs/permissions.md"),
      /`(\/[\w/.-]+\.(?:so[.\d]*|dylib))`/g,
    );
    assert(named.length > 0);
    assertEquals(named.filter((path) => !tried.includes(path)), []);
  },
});

skippable({
  name: "docs/troubleshooting.md lists counters of the metrics",
  needs: [read],
  fn() {
    const config = {
      source: "",
      polling: false,
      reason: null,
      coalesceMs: 250,
      reconcileIntervalMs: 15_000,
    };
    const { metrics } = new Model(config, { wall: 0 });
    const page = readText("docs/troubleshooting.md");
    const table = page.slice(page.indexOf("## Metrics"), page.indexOf("## Log"));
    const named = matches(table, /^\| `(\w+)`/gm);
    assert(named.length > 3);
    assertEquals(named.filter((name) => !(name in metrics)), []);
  },
});

skippable({
  name: "README gives a reason for each entry at the top of the repository",
  needs: [read],
  fn() {
    const ignored = readText(".gitignore").split("\n").map((line) => line.replace("/", ""));
    const entries = [...Deno.readDirSync(ROOT)].filter(({ name }) =>
      name !== ".git" && !ignored.includes(name)
    );
    const readme = readText("README.md");
    const reasons = readme.slice(readme.indexOf("## Layout"));
    const silent = entries
      .map(({ isDirectory, name }) => isDirectory ? `${name}/` : name)
      .filter((name) => name !== "README.md" && !reasons.includes(`\n| \`${name}\` `));
    assertEquals(silent, []);
  },
});

const ROWS_MAX = 12;

skippable({
  name: "ARCHITECTURE.md follows one event in at most 12 rows, through functions that are there",
  needs: [read],
  fn() {
    const rows = matches(readText("ARCHITECTURE.md"), /^\| +\d+ +\|(.*)\|$/gm);
    assert(rows.length > 6 && rows.length <= ROWS_MAX, `${rows.length} rows`);
    for (const row of rows) {
      const [path = "", functions = ""] = row.split("|").map((cell) => cell.trim());
      const file = path.replaceAll("`", "");
      const defined = functionsOf(file, readText(file));
      const named = matches(functions, /`([^`]+)`/g);
      assert(named.length > 0, `No function in: ${row}`);
      assertEquals(named.filter((name) => !defined.includes(name)), [], file);
    }
  },
});

Deno.test("functionsOf() finds functions and methods, and no calls", () => {
  const code = "export function a(b: number) {}\nclass C {\n  async #d() {}\n" +
    "  async *[Symbol.asyncIterator]() {}\n  get e() { return f(() => g); }\n}\nh();";
  assertEquals(functionsOf("a.ts", code), ["a", "#d", "Symbol.asyncIterator", "e"]);
});

/** The names of the functions and methods that a module defines. */
function functionsOf(path: string, text: string): string[] {
  const plugin: Deno.lint.Plugin = {
    name: "functions",
    rules: {
      find: {
        create(context) {
          const report = (node: Deno.lint.Node | null) => {
            if (node === null) return;
            context.report({ node, message: context.sourceCode.getText(node) });
          };
          return {
            FunctionDeclaration: ({ id }) => report(id),
            MethodDefinition: ({ key }) => report(key),
          };
        },
      },
    },
  };
  return Deno.lint.runPlugin(plugin, path, text).map(({ message }) => message);
}

function optionsIn(text: string): string[] {
  return [...new Set(text.match(/--[a-z][a-z-]*/g))].sort();
}
