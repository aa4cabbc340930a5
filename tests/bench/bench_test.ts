/**
 * Tests the pure parts of the benchmark suite, and that the published figures match `results.json`.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { denoProgram } from "../support/program.ts";
import { readText } from "../support/published.ts";
import { runDeno } from "../support/run.ts";
import { ffi, read, run, skippable } from "../support/skip.ts";
import { formatChart } from "./chart.ts";
import { parseOptions } from "./options.ts";
import { parsePeerReport } from "./peer_report.ts";
import { CHART, PAGES, replaceSection, RESULTS } from "./publish.ts";
import { formatReport } from "./report.ts";
import { Collector, type Results } from "./results.ts";
import { latencies, median, percentile } from "./statistics.ts";
import { formatNumber, formatRatio, formatTable } from "./markdown.ts";

const KNOWN = { scenarios: ["isolated", "idle"], peers: ["floor", "recv"] };

Deno.test("median and percentile take a value that was measured", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 2, 3]), 2);
  assertEquals(percentile(Array.from({ length: 100 }, (_, i) => i + 1), 0.99), 99);
  assertEquals(percentile([], 0.5), NaN);
});

Deno.test("a change is paired with the first event that is not older", () => {
  const ms = (...times: number[]) => times.map((time) => time * 1e6);
  assertEquals(latencies(ms(10, 20, 30), ms(5, 11, 12, 33)), [1, 13, 3]);
  assertEquals(latencies(ms(10, 20), ms(11)), [1], "an unseen change has none");
});

Deno.test("numbers have three digits, ratios stand beside them", () => {
  const numbers = [0, 0.0001, 0.02345, 0.5, 1.2345, 12.345, 123.45, 12345.6];
  assertEquals(
    numbers.map(formatNumber),
    ["0", "0", "0.023", "0.5", "1.23", "12.3", "123", "12,346"],
  );
  assertEquals(formatNumber(undefined), "-");
  assertEquals(formatRatio(3, 2), "3 (1.5 x)");
  assertEquals(formatRatio(2, 2), "2");
  assertEquals(formatRatio(2, undefined), "2");
});

Deno.test("a table is as deno fmt lays it out", () => {
  assertEquals(
    formatTable([["a", "long head"], ["µs 1", "2"]]),
    "| a    | long head |\n| ---- | --------- |\n| µs 1 | 2         |",
  );
});

Deno.test("options: defaults, lists, and errors that name what is known", () => {
  const defaults = parseOptions([], KNOWN);
  assertEquals([defaults.rounds, defaults.only, defaults.peers], [5, null, null]);
  assertEquals(parseOptions(["--quick"], KNOWN).rounds, 2);
  assertEquals(parseOptions(["--peers", "none"], KNOWN).peers, []);
  assertEquals(parseOptions(["--only", "isolated, idle"], KNOWN).only, ["isolated", "idle"]);
  assertThrows(() => parseOptions(["--only", "nothing"], KNOWN), TypeError, "isolated, idle");
  assertThrows(() => parseOptions(["--rounds", "0"], KNOWN), TypeError, "--rounds 0");
  assertThrows(() => parseOptions(["--unknown"], KNOWN), TypeError);
});

Deno.test("a program's report: events, the wall clock of ip monitor, state and counters", () => {
  const text = "event 5\nutc 1970-01-01T00:00:01.500000\nstate 192.0.2.1/24 ::1/128\npublished 7\n";
  assertEquals(parsePeerReport(text, 10), {
    events: [5, 1.5e9 + 10],
    state: ["192.0.2.1/24", "::1/128"],
    values: { published: 7 },
  });
  assertEquals(parsePeerReport("state").state, [], "a state without addresses");
  assertEquals(parsePeerReport("event 5").state, null, "no state");
});

Deno.test("figures: the median of the rounds' medians, and the p99 of all values", () => {
  const collector = new Collector();
  const figure = { scenario: "isolated", program: "netwatch", metric: "latencyMs" };
  collector.add({ ...figure, values: [1, 2, 9] });
  collector.add({ ...figure, values: [3, 4, 5] });
  collector.add({ ...figure, values: [] });
  collector.add({ ...figure, program: "netmon", values: [] });
  assertEquals(collector.summarize(), {
    isolated: { netwatch: { latencyMs: { median: 2, min: 1, max: 9, p99: 9 } } },
  });
});

Deno.test("a report has the tables of what was measured, and the targets", () => {
  const text = formatReport(RUN);
  assertStringIncludes(text, "| Deno floor | 2.9.6   | 0.25 (0.25 x) |");
  assertStringIncludes(
    text,
    "| isolated change: p50, times the Deno floor | at most 2   | 4        | no",
  );
  assert(!text.includes("Idle"), "was not measured");
});

Deno.test("a chart has a bar for each program and text for both colour schemes", () => {
  const svg = formatChart(RUN);
  assertEquals(svg.match(/<rect class="bar/g)?.length, 2);
  assertStringIncludes(svg, "prefers-color-scheme: dark");
  assertStringIncludes(svg, "Deno floor");
});

Deno.test("a section is replaced between its comments", () => {
  const text = "a\n<!-- bench: x -->\nold\n<!-- bench end -->\nb\n";
  assertEquals(
    replaceSection(text, "new $1"),
    "a\n<!-- bench: x -->\n\nnew $1\n\n<!-- bench end -->\nb\n",
  );
  assertThrows(() => replaceSection("nothing", "new"), Error, "missing");
});

skippable({
  name: "the tables and the chart are those of the published results",
  needs: [read],
  fn() {
    const results: Results = JSON.parse(readText(RESULTS));
    assertEquals(
      readText(CHART),
      formatChart(results),
      `deno task bench --from ${RESULTS} --publish`,
    );
    for (const [path, section] of Object.entries(PAGES)) {
      const text = readText(path);
      assertEquals(replaceSection(text, section(results)), text, path);
    }
  },
});

skippable({
  name: "a scenario that fails ends with the reason as its last line",
  needs: ["linux", ffi, read, run],
  async fn() {
    const request = JSON.stringify({ rounds: 1, quick: true, peers: [] });
    const args = ["run", "-A", "--no-check", "tests/bench/inside.ts", "start", request];
    await using program = denoProgram(args, { env: { PATH: "/nonexistent" } });
    const { code, stderr } = await program.end();
    assertEquals([code, stderr], [1, "NotFound: Failed to spawn 'ip': entity not found\n"]);
  },
});

skippable({
  name: "a run whose results cannot be written fails before it measures",
  needs: ["linux", "ip", "unshare", ffi, read, run],
  async fn() {
    const options = ["--quick", "--peers", "none", "--only", "start", "--json", "/dev/full"];
    const args = ["run", "-A", "--no-check", "tests/bench/bench.ts", ...options];
    const { code, stderr } = await runDeno(args);
    assertEquals([code, stderr.includes("round 1")], [1, false], stderr);
    assertStringIncludes(stderr, "/dev/full");
  },
});

const one = (median: number) => ({ median, min: median, max: median });

const RUN: Results = {
  date: "2026-11-25T23:00:00.000Z",
  commit: "0123456",
  machine: { cpu: "CPU", cores: 2, memoryGib: 24, kernel: "6.18", deno: "2.9.6" },
  rounds: 5,
  quick: false,
  load: { isolated: 0.5 },
  peers: [
    { name: "netwatch", title: "netwatch", version: "0.1.0" },
    { name: "floor", title: "Deno floor", version: "2.9.6" },
  ],
  skipped: [{ name: "recv", reason: "gcc is not installed" }],
  figures: {
    isolated: {
      netwatch: { latencyMs: { ...one(1), p99: 2 }, cpuMsEach: one(0.5) },
      floor: { latencyMs: { ...one(0.25), p99: 1 }, cpuMsEach: one(0.2) },
    },
  },
};
