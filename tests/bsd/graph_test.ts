/**
 * Each system's code is loaded on that system only.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ROOT, runDenoOk } from "../support/run.ts";
import { read, run, skippable } from "../support/skip.ts";

/** What of `deno info --json` is read here. */
interface Graph {
  modules: {
    specifier: string;
    dependencies?: { code?: { specifier?: string }; isDynamic?: boolean }[];
  }[];
}

skippable({
  name: "nothing of ffi/bsd/ is loaded on Linux, nor of ffi/linux/ elsewhere",
  needs: [read, run],
  async fn() {
    const { stdout } = await runDenoOk(["info", "--json", "mod.ts"]);
    const graph = new Map((JSON.parse(stdout) as Graph).modules.map((it) => [it.specifier, it]));
    const folders = (from: string): string[] => {
      const seen = new Set<string>();
      const visit = (specifier: string): void => {
        if (seen.has(specifier)) return;
        seen.add(specifier);
        for (const { code, isDynamic } of graph.get(specifier)?.dependencies ?? []) {
          if (code?.specifier !== undefined && isDynamic !== true) visit(code.specifier);
        }
      };
      visit(new URL(from, ROOT).href);
      const paths = [...seen].map((it) => it.slice(ROOT.href.length));
      return [...new Set(paths.flatMap((path) => path.match(/^ffi\/(bsd|linux)\//)?.[1] ?? []))];
    };
    assertEquals(folders("mod.ts"), []);
    assertEquals(folders("ffi/linux/source.ts"), ["linux"]);
    assertEquals(folders("ffi/bsd/source.ts"), ["bsd"]);
    // Both are there, each behind an import that is made on its own system.
    for (const folder of ["bsd", "linux"]) {
      assert(graph.has(new URL(`ffi/${folder}/source.ts`, ROOT).href), folder);
    }
  },
});
