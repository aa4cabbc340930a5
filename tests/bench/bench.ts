/**
 * The benchmark suite: `deno task bench --help`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { currentCommit, describeMachine } from "./machine.ts";
import { cleanUp, runInNamespace } from "./namespace.ts";
import { type BenchOptions, HELP, parseOptions } from "./options.ts";
import { buildPeers, DENO_PROGRAMS, PEER_NAMES } from "./peers.ts";
import { SENDER } from "./network.ts";
import { publish } from "./publish.ts";
import { formatReport } from "./report.ts";
import { Collector, type Results } from "./results.ts";
import { SCENARIOS } from "./scenarios.ts";

const INSIDE = fileURLToPath(new URL("inside.ts", import.meta.url));

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args, {
    scenarios: SCENARIOS.map(({ name }) => name),
    peers: PEER_NAMES,
  });
  if (options.help) return console.log(HELP);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      cleanUp();
      Deno.exit(130);
    });
  }
  const { from } = options;
  const results = from === null
    ? await measure(options)
    : JSON.parse(await Deno.readTextFile(from)) as Results;
  console.log(formatReport(results));
  if (options.publish) await publish(results);
}

async function measure(options: BenchOptions): Promise<Results> {
  const { json, quick, rounds } = options;
  ["ip", "unshare"].forEach(checkInstalled);
  const { peers, skipped } = await buildPeers(options.peers ?? PEER_NAMES, showProgress);
  for (const { name, reason } of skipped) showNote(`skipped: ${name}: ${reason}`);
  await loadModules();
  const collector = new Collector();
  const results: Results = {
    date: new Date().toISOString(),
    commit: currentCommit(),
    machine: describeMachine(),
    rounds,
    quick,
    load: {},
    peers: peers.map(({ name, title, version }) => ({ name, title, version })),
    skipped,
    figures: {},
  };
  await save(json, results); // fails now rather than after minutes
  showNote(`results go to ${json}`);
  for (const { name } of SCENARIOS) {
    if (options.only?.includes(name) === false) continue;
    results.load[name] = Deno.loadavg()[0]!;
    const request = JSON.stringify({ rounds, quick, peers });
    try {
      await runInNamespace(
        [INSIDE, name, request],
        (line) => collector.add(JSON.parse(line)),
        (line) => line.includes(" failed: ") ? showNote(line) : showProgress(line),
      );
      results.figures = collector.summarize();
      await save(json, results); // so that an interrupted run has what it measured
    } catch (error) {
      showNote(`${name} failed: ${error}`);
      Deno.exitCode = 1;
    }
  }
  showProgress("");
  return results;
}

function checkInstalled(tool: string): void {
  try {
    new Deno.Command(tool, { args: ["-V"] }).outputSync();
  } catch {
    throw new TypeError(`${tool} is not installed`);
  }
}

/** Fetches the programs' imports: their namespace has no network. */
async function loadModules(): Promise<void> {
  showProgress("loading modules");
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", INSIDE, SENDER, ...DENO_PROGRAMS],
  }).output();
  if (!success) throw new Error("The modules cannot be loaded");
}

async function save(path: string, results: Results): Promise<void> {
  const folder = path.split("/").slice(0, -1).join("/");
  if (folder !== "") await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(path, JSON.stringify(results, null, 2) + "\n");
}

/** Prints a line; on a terminal, the next one replaces it. */
function showProgress(text: string): void {
  if (!Deno.stderr.isTerminal()) {
    if (text !== "") console.error(text);
    return;
  }
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

/** Prints a line that stays. */
function showNote(text: string): void {
  showProgress("");
  console.error(text);
}

try {
  await main(Deno.args);
} catch (error) {
  if (!(error instanceof TypeError)) throw error; // a wrong option
  console.error(error.message);
  Deno.exitCode = 1;
} finally {
  cleanUp();
}
Deno.exit();
