/**
 * What the README says, against what is there.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { resolveMonitorOptions, resolveSnapshotOptions } from "../actor/options.ts";
import { HELP } from "../examples/watch/options.ts";
import { libcRequest as bsdLibcRequest } from "../ffi/bsd/libc.ts";
import { libcRequest } from "../ffi/linux/libc.ts";
import { readModule } from "./support/published.ts";
import { ROOT } from "./support/run.ts";
import { read, skippable } from "./support/skip.ts";

skippable({
  name: "README names the options of the example program, all of them and no others",
  needs: [read],
  fn() {
    const ofDeno = /^--allow-/;
    const named = optionsIn(readme()).filter((option) => !ofDeno.test(option));
    assertEquals(named, optionsIn(HELP).filter((option) => !ofDeno.test(option)));
  },
});

skippable({
  name: "README's commands stand on lines of their own and name the deno of .ci/run",
  needs: [read],
  fn() {
    const version = /^DENO_VERSION=(\S+)$/m.exec(readModule(".ci/run"))?.[1];
    assert(version !== undefined, "no DENO_VERSION in .ci/run");
    for (const command of ["run --allow-ffi examples/watch.ts", "test -P"]) {
      assertStringIncludes(readme(), `\n\`\`\`sh\nnpx -y deno@${version} ${command}\n\`\`\`\n`);
    }
    const versions = [...readme().matchAll(/deno@([\d.]*\d)/g)].map(([, named]) => named);
    assertEquals(new Set(versions), new Set([version]));
  },
});

skippable({
  name: "README's relative links point at what is there",
  needs: [read],
  fn() {
    const links = [...readme().matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const relative = links.filter((link) => !/^(https:|#)/.test(link));
    assert(relative.length > 0);
    for (const link of relative) Deno.statSync(new URL(link, ROOT));
  },
});

skippable({
  name: "README lists the options of the API with their defaults",
  needs: [read],
  fn() {
    for (const options of [resolveMonitorOptions(), resolveSnapshotOptions()]) {
      for (const [name, value] of Object.entries(options)) {
        const row = new RegExp(`^\\| \`${name}\` .*$`, "m").exec(readme())?.[0];
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
  name: "README's paths of the C library are among those that are tried",
  needs: [read],
  fn() {
    const tried = (["x86_64", "aarch64"] as const).flatMap((arch) => [
      ...libcRequest(undefined, { arch, target: "linux-gnu" }).candidates,
      ...libcRequest(undefined, { arch, target: "linux-musl" }).candidates,
      ...bsdLibcRequest("darwin", undefined).candidates,
      ...bsdLibcRequest("freebsd", undefined).candidates,
    ]);
    const named = [...readme().matchAll(/`(\/[\w/.-]+\.(?:so[.\d]*|dylib))`/g)].map((
      [, path = ""],
    ) => path);
    assert(named.length > 0);
    assertEquals(named.filter((path) => !tried.includes(path)), []);
  },
});

skippable({
  name: "README gives a reason for each entry at the top of the repository",
  needs: [read],
  fn() {
    const notOurs = [
      ".git",
      ...readModule(".gitignore").split("\n").map((line) => line.replace("/", "")),
    ];
    const entries = [...Deno.readDirSync(ROOT)].filter(({ name }) => !notOurs.includes(name));
    const reasons = readme().slice(readme().indexOf("## Layout"));
    const silent = entries
      .map(({ isDirectory, name }) => isDirectory ? `${name}/` : name)
      .filter((name) => name !== "README.md" && !reasons.includes(`\n| \`${name}\` `));
    assertEquals(silent, []);
  },
});

function readme(): string {
  return readModule("README.md");
}

function optionsIn(text: string): string[] {
  return [...new Set(text.match(/--[a-z][a-z-]*/g))].sort();
}
