/**
 * The tables of a run.
 *
 * @module
 */
import type { Figures, Results, Summary } from "./results.ts";
import { formatNumber, formatRatio, formatTable } from "./markdown.ts";
import { formatTargets } from "./targets.ts";

type Metrics = Record<string, Summary>;

/** All tables, for a terminal. */
export function formatReport(results: Results): string {
  const { figures } = results;
  const parts: [string, string | null][] = [
    ["Programs", peerTable(results)],
    ["Storms", stormTable(results)],
    ["Idle and start", idleTable(results)],
    ["One change among many", sizeTable(figures)],
    ["One-shot reads, nothing open", readTable(results)],
    ["Targets", formatTargets(figures)],
  ];
  return [
    formatMachine(results),
    ...parts.flatMap(([title, table]) => table === null ? [] : [`${title}\n\n${table}`]),
  ].join("\n\n");
}

/** The machine, the date and the load in one sentence. */
export function formatMachine(
  { commit, date, load, machine, quick, rounds }: Results,
): string {
  const { cores, cpu, deno, kernel, memoryGib } = machine;
  const loads = Object.values(load);
  return `Measured on ${date.slice(0, 10)} at commit ${commit}: ${cpu}, ${cores} cores, ` +
    `${memoryGib} GiB, Linux ${kernel}, Deno ${deno}; medians of ${rounds} interleaved rounds` +
    `${quick ? " (a quick run)" : ""}. Load average ${formatNumber(Math.min(...loads))} to ` +
    `${formatNumber(Math.max(...loads))} on these cores.`;
}

/** Which peers did not run, and why; empty if all did. */
export function formatSkipped({ skipped }: Results): string {
  if (skipped.length === 0) return "";
  return `Not run: ${skipped.map(({ name, reason }) => `${name} (${reason})`).join(", ")}.`;
}

/** Each program: an isolated change, and what storms and idling cost it. */
export function peerTable(results: Results): string | null {
  const { isolated } = results.figures;
  if (isolated === undefined) return null;
  const base = isolated.netwatch?.latencyMs?.median;
  const peers = results.peers.flatMap((peer) => {
    const slow = { ...peer, name: "netmon 2.5 s", title: `${peer.title}, changes 2.5 s apart` };
    return peer.name === "netmon" ? [peer, slow] : [peer];
  });
  return formatTable([
    ["program", "version", "p50 ms", "p99 ms", "CPU ms a change", "wake-ups a change", "not seen"],
    ...rows({ peers }, isolated, ({ latencyMs, cpuMsEach, unseen, wakeUpsEach }) => [
      formatRatio(latencyMs?.median, base),
      formatNumber(latencyMs?.p99),
      formatNumber(cpuMsEach?.median),
      formatNumber(wakeUpsEach?.median),
      formatNumber(unseen?.median),
    ]),
  ]);
}

/** Each program: what storms cost it. */
export function stormTable(results: Results): string | null {
  const { "addresses-storm": storm, "routes-storm": routes } = results.figures;
  if (storm === undefined) return null;
  const base = storm.netwatch?.cpuMs?.median;
  return formatTable([
    ["program", "version", "addresses: CPU ms", "wake-ups", "right in the end", "routes: CPU ms"],
    ...rows(results, storm, ({ cpuMs, died, lastEventMs, right, wakeUps }, name) => [
      died === undefined ? formatRatio(cpuMs?.median, base) : "died",
      formatNumber(wakeUps?.median),
      right === undefined
        ? "-"
        : right.min === 1
        ? `after ${formatNumber(Math.max(lastEventMs?.median ?? 0, 0))} ms`
        : "no",
      routes?.[name]?.died === undefined ? formatNumber(routes?.[name]?.cpuMs?.median) : "died",
    ]),
  ]);
}

/** Each program: an idle minute, its memory and its start. */
export function idleTable(results: Results): string | null {
  const { idle, start } = results.figures;
  if (idle === undefined) return null;
  const empty = { name: "empty", title: "empty Deno program", version: results.machine.deno };
  return formatTable([
    ["program", "version", "CPU ms a minute", "wake-ups a minute", "MiB (private)", "start ms"],
    ...rows({ ...results, peers: [empty, ...results.peers] }, idle, (metrics, name) => [
      formatNumber(metrics.cpuMsMinute?.median),
      formatNumber(metrics.wakeUpsMinute?.median),
      `${formatNumber(metrics.memoryMib?.median)} (${formatNumber(metrics.privateMib?.median)})`,
      formatNumber(start?.[name]?.startMs?.median),
    ]),
  ]);
}

/** Scenarios with large numbers of something: netwatch, and the floor if it was measured. */
export function sizeTable(figures: Figures): string | null {
  const names = Object.keys(figures)
    .filter((name) => /^(interfaces|addresses|routes|subscribers|monitors) /.test(name));
  if (names.length === 0) return null;
  return formatTable([
    ["one change among", "p50 ms", "p99 ms", "CPU ms", "longest block ms", "others, p50 ms"],
    ...names.map((name) => {
      const { netwatch, "netwatch timer": timed, ...others } = figures[name]!;
      return [
        formatSize(name),
        formatNumber(netwatch?.latencyMs?.median),
        formatNumber(netwatch?.latencyMs?.p99),
        formatNumber(netwatch?.cpuMsEach?.median),
        formatNumber(timed?.blockMs?.median),
        Object.entries(others)
          .flatMap(([other, { latencyMs }]) =>
            latencyMs === undefined ? [] : [`${other} ${formatNumber(latencyMs.median)}`]
          ).join(", "),
      ];
    }),
  ]);
}

/** One-shot reads: the first and later ones. */
export function readTable(results: Results): string | null {
  const names = Object.keys(results.figures)
    .filter((name) => results.figures[name]!.netwatch?.warmMs !== undefined);
  if (names.length === 0) return null;
  const readers = results.peers.filter(({ name: reader }) =>
    names.some((name) => results.figures[name]![reader]?.warmMs !== undefined)
  );
  return formatTable([
    ["one-shot read", ...readers.map(({ name }) => READERS[name] ?? name)],
    ...names.map((name) => [
      name.startsWith("read") ? `${formatSize(name)} interfaces` : `beside ${formatSize(name)}`,
      ...readers.map(({ name: reader }) => {
        const { firstMs, warmMs } = results.figures[name]![reader] ?? {};
        if (warmMs === undefined) return "-";
        return `${formatNumber(warmMs.median)} (first ${formatNumber(firstMs?.median)})`;
      }),
    ]),
  ]);
}

const READERS: Record<string, string> = { naive: "Deno.networkInterfaces()" };

/** "interfaces 2000" as "2,000 interfaces". */
function formatSize(name: string): string {
  const [what, count] = name.split(" ");
  return [Number(count).toLocaleString("en-US"), what === "read" ? "" : what].join(" ").trim();
}

function rows(
  { peers }: Pick<Results, "peers">,
  figures: Record<string, Metrics>,
  cells: (metrics: Metrics, name: string) => string[],
): string[][] {
  return peers.flatMap(({ name, title, version }) => {
    const metrics = figures[name];
    return metrics === undefined ? [] : [[title, version, ...cells(metrics, name)]];
  });
}
