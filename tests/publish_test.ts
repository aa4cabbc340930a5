/**
 * What `deno publish` would send.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { publishedModules } from "./support/published.ts";
import { ROOT, runDenoOk } from "./support/run.ts";
import { read, run, skippable } from "./support/skip.ts";

skippable({
  name: "deno publish sends the modules, their licence and their texts, and nothing else",
  needs: [read, run],
  async fn() {
    const texts = ["CHANGELOG.md", "LICENSE", "README.md", "deno.json"];
    assertEquals(await filesToPublish(), [...publishedModules(), ...texts].sort());
  },
});

/** The paths that the dry run lists, sorted. It checks types and slow types as the real one does. */
async function filesToPublish(): Promise<string[]> {
  const args = ["publish", "--dry-run", "--allow-dirty"];
  const { stdout, stderr } = await runDenoOk(args, { deadlineMs: 180_000 });
  const root = ROOT.href.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const urls = `${stdout}\n${stderr}`.matchAll(new RegExp(`^ *${root}(\\S+) \\(`, "gm"));
  return [...urls].map(([, path = ""]) => path).sort();
}
