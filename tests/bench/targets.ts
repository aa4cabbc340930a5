/**
 * The targets of netwatch, and whether a run reaches them.
 *
 * @module
 */
import type { Figures } from "./results.ts";
import { formatNumber, formatTable } from "./markdown.ts";

const STATE_KEEPERS = ["netmon", "netlink", "netwatch-rs", "if-watch", "iproute", "ndb"];

interface Target {
  what: string;
  /** The measured value; undefined if it was not measured. */
  value(figures: Figures): number | undefined;
  most?: number;
  least?: number;
}

const TARGETS: Target[] = [
  {
    what: "isolated change: p50, times the Deno floor",
    most: 2,
    value: (it) => ratio(at(it, "isolated", "latencyMs"), at(it, "isolated", "latencyMs", "floor")),
  },
  {
    what: "isolated change: p99, ms",
    most: 5,
    value: (it) => it.isolated?.netwatch?.latencyMs?.p99,
  },
  {
    what: "isolated change: CPU, ms",
    most: 0.6,
    value: (it) => at(it, "isolated", "cpuMsEach"),
  },
  {
    what: "isolated change: times quicker than netmon",
    least: 4,
    value: (it) =>
      ratio(at(it, "isolated", "latencyMs", "netmon"), at(it, "isolated", "latencyMs")),
  },
  {
    what: "isolated change: times quicker than Rust netwatch",
    least: 400,
    value: (it) =>
      ratio(at(it, "isolated", "latencyMs", "netwatch-rs"), at(it, "isolated", "latencyMs")),
  },
  {
    what: "100,000 address changes: CPU, times the C loop",
    most: 1,
    value: (it) =>
      ratio(at(it, "addresses-storm", "cpuMs"), at(it, "addresses-storm", "cpuMs", "recv")),
  },
  {
    what: "100,000 address changes: CPU, times the best peer with a right state",
    most: 1,
    value: (it) => ratio(at(it, "addresses-storm", "cpuMs"), bestKeeper(it)),
  },
  {
    what: "100,000 address changes: right after, ms",
    most: 500,
    value: (it) => Math.max(at(it, "addresses-storm", "lastEventMs") ?? NaN, 0),
  },
  {
    what: "100,000 address changes: longest block, ms",
    most: 50,
    value: (it) => block(it, "addresses-storm"),
  },
  {
    what: "200,000 unrelated route changes: CPU, ms",
    most: 1,
    value: (it) => at(it, "routes-storm", "cpuMs"),
  },
  ...[[2_000, 1.5], [10_000, 3]].flatMap(([size, most]): Target[] =>
    ["latencyMs", "cpuMsEach"].map((metric) => ({
      what: `one change among ${size!.toLocaleString("en-US")} interfaces: ${
        metric === "latencyMs" ? "p50" : "CPU"
      }, times 10 interfaces`,
      most: most!,
      value: (it) => ratio(at(it, `interfaces ${size}`, metric), at(it, "interfaces 10", metric)),
    }))
  ),
  ...[[10, 5], [500, 1]].map(([size, most]): Target => ({
    what: `one-shot read, ${size} interfaces: times Deno.networkInterfaces()`,
    most: most!,
    value: (it) =>
      ratio(at(it, `read ${size}`, "warmMs"), at(it, `read ${size}`, "warmMs", "naive")),
  })),
  {
    what: "import of the module, ms",
    most: 5,
    value: (it) => at(it, "read 10", "importMs"),
  },
  {
    what: "first read in a process after the import, ms",
    most: 8,
    value: (it) => at(it, "read 10", "firstMs"),
  },
  ...[
    ["one-shot read, 500,000 routes:", "warmMs"] as const,
    ["one change, 500,000 routes: p50,", "latencyMs"] as const,
  ].map(([what, metric]): Target => ({
    what: `${what} times no routes`,
    most: 1.1,
    value: (it) => ratio(at(it, "routes 500000", metric), at(it, "routes 0", metric)),
  })),
  ...[
    ["idle: CPU over an empty program, ms a minute", 10, "idle", "cpuMsMinute"] as const,
    ["memory over an empty program, MiB", 6, "idle", "memoryMib"] as const,
    ["private memory over an empty program, MiB", 6, "idle", "privateMib"] as const,
    ["start to the first snapshot over an empty program, ms", 18, "start", "startMs"] as const,
  ].map(([what, most, scenario, metric]): Target => ({
    what,
    most,
    value: (it) => less(at(it, scenario, metric), at(it, scenario, metric, "empty")),
  })),
  {
    what: "10,000 addresses: longest block, ms",
    most: 50,
    value: (it) => block(it, "addresses 10000"),
  },
  {
    what: "10,000 addresses: one more, p50 ms",
    most: 10,
    value: (it) => at(it, "addresses 10000", "latencyMs"),
  },
];

/** A table of the targets that the run measured; null if none. */
export function formatTargets(figures: Figures): string | null {
  const rows = TARGETS.flatMap(({ least, most, value, what }) => {
    const measured = value(figures);
    if (measured === undefined || Number.isNaN(measured)) return [];
    const isMet = measured <= (most ?? Infinity) && measured >= (least ?? -Infinity);
    const bound = most === undefined ? `at least ${least}` : `at most ${most}`;
    return [[what, bound, formatNumber(measured), isMet ? "yes" : "no"]];
  });
  return rows.length === 0 ? null : formatTable([["target", "bound", "measured", "met"], ...rows]);
}

function at(
  figures: Figures,
  scenario: string,
  metric: string,
  program = "netwatch",
): number | undefined {
  return figures[scenario]?.[program]?.[metric]?.median;
}

/** How long the event loop was blocked: by the clock, or by CPU time if the cores were busy otherwise. */
function block(figures: Figures, scenario: string): number | undefined {
  const timed = figures[scenario]?.["netwatch timer"];
  if (timed?.blockMs === undefined) return undefined;
  return Math.min(timed.blockMs.max, timed.blockCpuMs?.max ?? Infinity);
}

/** The least CPU time of the peers whose state was right in each round. */
function bestKeeper(figures: Figures): number | undefined {
  const times = STATE_KEEPERS.flatMap((name) => {
    const { cpuMs, right } = figures["addresses-storm"]?.[name] ?? {};
    return cpuMs !== undefined && right?.min === 1 ? [cpuMs.median] : [];
  });
  return times.length === 0 ? undefined : Math.min(...times);
}

function ratio(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined ? undefined : value / base;
}

function less(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined ? undefined : value - base;
}
