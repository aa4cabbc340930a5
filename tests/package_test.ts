/**
 * The package as users get it: what it exports, loads and publishes. `tests/lint/plugin.ts` has the rules
 * that a single module can break.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { ENTRY_POINTS, publishedModules, readText } from "./support/published.ts";
import { pages, relativeLinks } from "./support/pages.ts";
import { ROOT, runDeno, runDenoOk } from "./support/run.ts";
import { read, run, skippable, write } from "./support/skip.ts";

/** The public API. */
const API_VALUES: readonly string[] = [
  "affects",
  "applyChanges",
  "DecodeError",
  "diffStates",
  "escapeText",
  "formatChange",
  "formatReason",
  "HealthEvent",
  "isMajorChange",
  "isPrivateAddress",
  "majorReasons",
  "MonitorClosedError",
  "NetworkEvent",
  "NetworkMonitor",
  "primaryAddress",
  "readNetworkState",
  "SystemCallError",
  "usableAddresses",
  "watchNetwork",
];
const API_TYPES: readonly string[] = [
  "Address",
  "Cause",
  "Change",
  "Clock",
  "DefaultRoute",
  "Health",
  "Interface",
  "LocalAddress",
  "Logger",
  "Metrics",
  "MonitorOptions",
  "NetworkSource",
  "Reading",
  "ReadOptions",
  "Reason",
  "Snapshot",
  "SnapshotOptions",
  "SourceEvent",
  "State",
  "Subscription",
  "Timer",
];
/** Parts of those types: each kind of change, and the types that the ones above refer to. */
const API_TYPES_ADDED: readonly string[] = [
  "AddressChange",
  "AddressFlagsChange",
  "AddressReason",
  "DefaultRouteChange",
  "DefaultRouteReason",
  "DefaultRoutes",
  "EventOf",
  "InterfaceChange",
  "InterfaceFieldsChange",
  "InterfaceKind",
  "InterfaceReason",
  "Knows",
  "NetworkEventListener",
  "NetworkEventMap",
  "ResumedChange",
  "ResumedReason",
  "SourceChange",
  "SourceCounters",
  "SourceOption",
];

/** What the other entry points export. */
const OTHER_EXPORTS: Record<string, readonly string[]> = {
  "actor/fetch.ts": [
    "Clock",
    "createFetch",
    "FetchInit",
    "FetchMonitor",
    "FetchOptions",
    "Logger",
    "NetworkChangedError",
    "NetworkFetch",
    "Timer",
  ],
  "actor/navigator.ts": ["installOnLine", "OnLineMonitor"],
  "actor/testing.ts": [
    "CallCounts",
    "Clock",
    "homeNetwork",
    "Logger",
    "ManualClock",
    "ManualClockOptions",
    "NetworkSource",
    "Reading",
    "Scene",
    "SceneName",
    "scenes",
    "scriptedAddress",
    "scriptedInterface",
    "scriptedRoute",
    "ScriptedSource",
    "ScriptedSourceOptions",
    "SourceCounters",
    "SourceEvent",
    "Subscription",
    "Timer",
  ],
  "examples/watch.ts": [],
};

/** Pages for those who work on netwatch; they may link to what is not published. */
const PAGES_OF_THE_REPOSITORY = new Set(["ARCHITECTURE.md", "CONTRIBUTING.md"]);

skippable({
  name: "mod.ts exports the public API and nothing else",
  needs: [read, run],
  async fn() {
    const types = [...API_TYPES, ...API_TYPES_ADDED];
    assertEquals(await exportsOf("mod.ts"), [...API_VALUES, ...types].sort());
    const loaded = Object.keys(await import(new URL("mod.ts", ROOT).href));
    assertEquals(loaded.sort(), [...API_VALUES].sort());
  },
});

skippable({
  name: "the other entry points export their own names and the types that these need",
  needs: [read, run],
  async fn() {
    const stateTypes = await exportsOf("state/types.ts");
    for (const [path, names] of Object.entries(OTHER_EXPORTS)) {
      const types = path.startsWith("actor/") ? stateTypes : [];
      assertEquals(await exportsOf(path), [...names, ...types].sort(), path);
    }
    assertEquals(["mod.ts", ...Object.keys(OTHER_EXPORTS)], ENTRY_POINTS);
  },
});

skippable({
  name: "entry points are those of deno.json, and .ci/run checks their docs",
  needs: [read],
  fn() {
    const { exports } = JSON.parse(readText("deno.json"));
    assertEquals(Object.values(exports), ENTRY_POINTS.map((path) => `./${path}`));
    const checked = /^ENTRY_POINTS=\((.*)\)$/m.exec(readText(".ci/run"))?.[1];
    assertEquals(checked?.split(" "), ENTRY_POINTS);
  },
});

skippable({
  name: "importing the entry points does nothing: no permission, no output, no open handle",
  needs: [read, run],
  async fn() {
    const imports = ENTRY_POINTS.map((path) =>
      `import ${JSON.stringify(new URL(path, ROOT).href)};`
    );
    const script = `data:application/typescript,${encodeURIComponent(imports.join("\n"))}`;
    const args = ["run", "--quiet", "--no-check", "--config", "deno.json", script];
    const { code, stdout, stderr } = await runDeno(args, { deadlineMs: 20_000 });
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  },
});

// No module that an entry point loads has a top-level await: require() would refuse it.
skippable({
  name: "the entry points can be loaded with require()",
  needs: [read],
  fn() {
    const require = createRequire(import.meta.url);
    for (const path of ENTRY_POINTS) require(fileURLToPath(new URL(path, ROOT)));
  },
});

skippable({
  name: "mod.ts loads neither createFetch() nor installOnLine(), and these load no FFI",
  needs: [read, run],
  async fn() {
    const main = await modulesOf("mod.ts");
    const parts = await modulesOf("actor/fetch.ts", "actor/navigator.ts");
    assert(main.has("ffi/library.ts") && parts.has("state/impact.ts"));
    assertEquals([...main].filter((path) => /^actor\/(fetch|navigator)\b/.test(path)), []);
    assertEquals([...parts].filter((path) => /^(ffi|examples)\/|^mod\.ts$/.test(path)), []);
  },
});

skippable({
  name: "every published module is reachable from an entry point",
  needs: [read, run],
  async fn() {
    const reached = await modulesOf(...ENTRY_POINTS);
    assertEquals(publishedModules().filter((path) => !reached.has(path)), []);
  },
});

skippable({
  name: "deno publish sends the modules, their licence and their texts, and nothing else",
  needs: [read, run],
  async fn() {
    const files = await filesToPublish();
    const texts = ["LICENSE", "deno.json", ...pages().map(([path]) => path)];
    const images = relativeLinks().map(({ to }) => to).filter((to) => to.startsWith("docs/"));
    const expected = new Set([...publishedModules(), ...examples(), ...texts, ...images]);
    assertEquals(files, [...expected].sort());
    // The page of the package shows published files only.
    const dead = relativeLinks().filter(({ from, to }) => {
      return !PAGES_OF_THE_REPOSITORY.has(from) && !files.includes(to);
    });
    assertEquals(dead, []);
  },
});

skippable({
  name: "another project can use a clone of the repository by links",
  needs: [read, run, write],
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const links = [fileURLToPath(ROOT)];
      const imports = { "@netwatch/netwatch": "jsr:@netwatch/netwatch@^0.1.0" };
      // as the projects of a web framework have it, and an option that netwatch does not set for itself
      const lib = ["dom", "dom.iterable", "dom.asynciterable", "deno.ns"];
      const config = { links, imports, compilerOptions: { lib, noImplicitReturns: true } };
      await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
      await Deno.writeTextFile(
        `${folder}/main.ts`,
        `import { diffStates } from "@netwatch/netwatch";
         import { ScriptedSource } from "@netwatch/netwatch/testing";
         console.log(typeof diffStates, typeof ScriptedSource);`,
      );
      const { stdout } = await runDenoOk(["run", "main.ts"], { cwd: folder });
      assertEquals(stdout, "function function\n");
      await runDenoOk(["check", "main.ts"], { cwd: folder });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Programs that are published because the pages link to them. The dashboard imports files as text. */
function examples(): string[] {
  return [...Deno.readDirSync(new URL("examples", ROOT))]
    .map(({ name }) => `examples/${name}`)
    .filter((path) => /\.(ts|service)$/.test(path) && path !== "examples/dashboard.ts");
}

/** The modules of this repository that these load, by path from its root. Types count. */
async function modulesOf(...paths: string[]): Promise<Set<string>> {
  const graphs = await Promise.all(paths.map(async (path) => {
    const { stdout } = await runDenoOk(["info", "--json", path]);
    return (JSON.parse(stdout) as { modules: { specifier: string }[] }).modules;
  }));
  return new Set(graphs.flat().map(({ specifier }) => specifier.replace(ROOT.href, "")));
}

/** The names that `deno doc` finds, sorted. */
async function exportsOf(entryPoint: string): Promise<string[]> {
  const { stdout } = await runDenoOk(["doc", "--json", entryPoint]);
  const { nodes } = JSON.parse(stdout) as {
    nodes: Record<string, { symbols: { name: string }[] }>;
  };
  const names = Object.values(nodes).flatMap(({ symbols }) => symbols.map(({ name }) => name));
  return [...new Set(names)].sort();
}

/** The paths that the dry run lists, sorted. It checks types and slow types like the real one. */
async function filesToPublish(): Promise<string[]> {
  const args = ["publish", "--dry-run", "--allow-dirty"];
  const { stdout, stderr } = await runDenoOk(args, { deadlineMs: 180_000 });
  const root = ROOT.href.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const urls = `${stdout}\n${stderr}`.matchAll(new RegExp(`^ *${root}(\\S+) \\(`, "gm"));
  return [...urls].map(([, path = ""]) => path).sort();
}
