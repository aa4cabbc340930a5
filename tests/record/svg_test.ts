import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { toSvg } from "./svg.ts";

Deno.test("toSvg() draws each style as a run at its column", () => {
  const svg = toSvg(
    "A & B",
    ["ab \x1b[1m\x1b[32mc<d\x1b[39m\x1b[22m e   ", "\x1b[2m", "f\x1b[0mg"],
    80,
  );
  const runs = [...svg.matchAll(/<tspan x="([\d.]+)" textLength="([\d.]+)"(.*?)>(.*?)<\/tspan>/g)];
  assertEquals(runs.map((run) => run.slice(1)), [
    ["16", "25.2", "", "ab "],
    ["41.2", "25.2", ' class="bold green"', "c&lt;d"],
    ["66.4", "16.8", "", " e"],
    ["16", "8.4", ' class="dim"', "f"],
    ["24.4", "8.4", "", "g"],
  ]);
  assertStringIncludes(svg, "<title>A &amp; B</title>");
  assertMatch(svg, /^<svg [^>]*width="704" height="92"/);
});
