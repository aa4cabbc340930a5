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
  name: "the code of each system is loaded on that system only",
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
      return [
        ...new Set(paths.flatMap((path) => path.match(/^ffi\/(bsd|linux|windows)\//)?.[1] ?? [])),
      ];
    };
    assertEquals(folders("mod.ts"), []);
    // All are there, each behind an import that is made on its own system.
    for (const folder of ["bsd", "linux", "windows"]) {
      assertEquals(folders(`ffi/${folder}/source.ts`), [folder]);
      assert(graph.has(new URL(`ffi/${folder}/source.ts`, ROOT).href), folder);
    }
  },
});
