/**
 * The rules between the folders, checked on the code itself.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { ENTRY_POINTS, publishedModules, readModule } from "./support/published.ts";
import { ROOT, runDeno, runDenoOk } from "./support/run.ts";
import { read, run, skippable } from "./support/skip.ts";
import { denoUses, globalCalls, topLevelAwaits } from "./support/syntax.ts";

const LINES_MAX = 400;

/** The one file that loads a library, and the one that has real timers. */
const LIBRARY = "ffi/library.ts";
const SYSTEM_CLOCK = "actor/clock.ts";

/** Which layers a layer may import from. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  state: ["state"],
  ffi: ["ffi", "state"],
  actor: ["actor", "state"],
  "mod.ts": ["state", "ffi", "actor"],
  // The watch program is published with the module; the others import it by name, as users do.
  examples: ["examples", "mod.ts", "state"],
};

/** Which packages a layer may import, as they are written. */
const MAY_USE: Record<string, RegExp> = {
  state: /^$/,
  ffi: /^@std\/async\//,
  actor: /^@std\/(async\/|log\/get-logger$)/,
  "mod.ts": /^@std\/async\//,
  examples: /^(node:util$|@netwatch\/netwatch(\/testing)?$|@std\/async\/)/,
};

/** Everything that may be imported from the package: the public API. */
const API_VALUES: readonly string[] = [
  "affects",
  "applyChanges",
  "DecodeError",
  "diffStates",
  "isMajorChange",
  "MonitorClosedError",
  "NetworkMonitor",
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
  "Logger",
  "Metrics",
  "MonitorOptions",
  "NetworkSource",
  "Reading",
  "ReadOptions",
  "Snapshot",
  "SnapshotOptions",
  "SourceEvent",
  "State",
  "Subscription",
  "Timer",
];
/** Names for parts of those types: each kind of change, and what the types above refer to. */
const API_TYPES_ADDED: readonly string[] = [
  "AddressChange",
  "AddressFlagsChange",
  "DefaultRouteChange",
  "DefaultRoutes",
  "InterfaceChange",
  "InterfaceFieldsChange",
  "InterfaceKind",
  "Knows",
  "ResumedChange",
  "SourceChange",
  "SourceCounters",
  "SourceOption",
];

interface Import {
  from: string;
  /** As it is written. */
  specifier: string;
  /** A path from the root of the repository, or a URL of elsewhere. */
  to: string;
}

skippable({
  name: "each layer imports only the layers below it",
  needs: [read, run],
  async fn() {
    const wrong = (await allImports()).filter((edge) => !isAllowed(edge));
    assertEquals(wrong, []);
  },
});

skippable({
  name: "only mod.ts joins ffi/ and actor/",
  needs: [read, run],
  async fn() {
    const imports = await allImports();
    const importers = (layer: string) =>
      new Set(imports.filter(({ to }) => layerOf(to) === layer).map(({ from }) => from));
    const actor = importers("actor");
    const joining = [...importers("ffi")].filter((path) => actor.has(path));
    assertEquals(joining, ["mod.ts"]);
  },
});

skippable({
  name: "every module of state/, ffi/ and actor/ is reachable from an entry point",
  needs: [read, run],
  async fn() {
    const reached = new Set((await allImports()).map(({ to }) => to));
    const dead = publishedModules().filter((path) =>
      !reached.has(path) && !ENTRY_POINTS.includes(path)
    );
    assertEquals(dead, []);
  },
});

skippable({
  name: "mod.ts exports the public API and nothing else",
  needs: [read, run],
  async fn() {
    assertEquals(
      await exportsOf("mod.ts"),
      [...API_VALUES, ...API_TYPES, ...API_TYPES_ADDED].sort(),
    );
    const types = [...API_TYPES, ...API_TYPES_ADDED];
    const loaded = Object.keys(await import(new URL("mod.ts", ROOT).href));
    assertEquals(loaded.sort(), [...API_VALUES].sort());
    assertEquals(types.filter((name) => loaded.includes(name)), []);
  },
});

skippable({
  name: "actor/testing.ts exports the test kit",
  needs: [read, run],
  async fn() {
    const names = await exportsOf("actor/testing.ts");
    assert(names.includes("ScriptedSource"), names.join());
    assert(names.includes("ManualClock"), names.join());
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

skippable({
  name: "entry points are those of deno.json",
  needs: [read],
  fn() {
    const { exports } = JSON.parse(readModule("deno.json"));
    assertEquals(Object.values(exports), ENTRY_POINTS.map((path) => `./${path}`));
  },
});

skippable({
  name: "a library is opened in one file only",
  needs: [read],
  fn() {
    const opening = publishedModules().filter((path) =>
      denoUses(path, readModule(path)).some((use) => use.startsWith("Deno.dlopen "))
    );
    assertEquals(opening, [LIBRARY]);
  },
});

// Refused under a grant for one library (denoland/deno#15511), so they would demand a blanket one.
skippable({
  name: "no published module uses Deno.UnsafePointer and its kin",
  needs: [read],
  fn() {
    assertEquals(findings(publishedModules(), unsafeUses), []);
  },
});

skippable({
  name: "the Deno namespace is used neither in state/ nor, but for the system clock, in actor/",
  needs: [read],
  fn() {
    const paths = publishedModules().filter((path) =>
      layerOf(path) === "state" || layerOf(path) === "actor" && path !== SYSTEM_CLOCK
    );
    assertEquals(findings(paths, denoUses), []);
  },
});

skippable({
  name: "state/ knows neither time nor chance",
  needs: [read],
  fn() {
    const names = ["setTimeout", "setInterval", "queueMicrotask", "Date.now", "performance.now"];
    const paths = publishedModules().filter((path) => layerOf(path) === "state");
    const calls = (path: string, source: string) =>
      globalCalls(path, source, [...names, "Math.random", "crypto.getRandomValues"]);
    assertEquals(findings(paths, calls), []);
  },
});

skippable({
  name: "timers are started in the system clock only",
  needs: [read],
  fn() {
    const paths = publishedModules().filter((path) =>
      layerOf(path) === "actor" && path !== SYSTEM_CLOCK
    );
    const calls = (path: string, source: string) =>
      globalCalls(path, source, ["setTimeout", "setInterval", "Date.now", "performance.now"]);
    assertEquals(findings(paths, calls), []);
  },
});

skippable({
  name: "no published module has a top-level await",
  needs: [read],
  fn() {
    assertEquals(findings(publishedModules(), topLevelAwaits), []);
  },
});

// The engine's own word on the same rule, over all that an entry point loads.
skippable({
  name: "the entry points can be loaded with require()",
  needs: [read],
  fn() {
    const require = createRequire(import.meta.url);
    for (const path of ENTRY_POINTS) require(fileURLToPath(new URL(path, ROOT)));
  },
});

skippable({
  name: `no published module is longer than ${LINES_MAX} lines`,
  needs: [read],
  fn() {
    const tooLong = publishedModules()
      .map((path) => [path, readModule(path).trimEnd().split("\n").length] as const)
      .filter(([, lines]) => lines > LINES_MAX);
    assertEquals(tooLong, []);
  },
});

skippable({
  name: "every published module opens with its @module comment",
  needs: [read],
  fn() {
    for (const path of publishedModules()) {
      const [comment = ""] = readModule(path).split("*/", 1);
      assert(comment.startsWith("/**"), path);
      assertStringIncludes(comment, "@module", path);
    }
  },
});

function isAllowed({ from, specifier, to }: Import): boolean {
  const layer = layerOf(from);
  if (MAY_USE[layer]?.test(specifier)) return true;
  return specifier.startsWith(".") && MAY_IMPORT[layer]?.includes(layerOf(to)) === true;
}

/** The first folder of a path; a file at the root is a layer of its own. */
function layerOf(path: string): string {
  return path.split("/", 1)[0] ?? "";
}

function findings(
  paths: readonly string[],
  look: (path: string, source: string) => string[],
): string[] {
  return paths.flatMap((path) => look(path, readModule(path)).map((found) => `${path}: ${found}`));
}

function unsafeUses(path: string, source: string): string[] {
  return denoUses(path, source).filter((use) => /\bUnsafe/.test(use));
}

let imports: Promise<Import[]> | null = null;

/** Every import of a module of ours that an entry point reaches; asked once. */
function allImports(): Promise<Import[]> {
  imports ??= Promise.all(ENTRY_POINTS.map(importsFrom)).then((found) => found.flat());
  return imports;
}

async function importsFrom(entryPoint: string): Promise<Import[]> {
  const { stdout } = await runDenoOk(["info", "--json", entryPoint]);
  const { modules } = JSON.parse(stdout) as { modules: ModuleInfo[] };
  return modules
    .filter(({ specifier }) => MAY_IMPORT[layerOf(pathOf(specifier))] !== undefined)
    .flatMap(({ specifier: from, dependencies }) =>
      (dependencies ?? []).map(({ specifier, code, type }) => ({
        from: pathOf(from),
        specifier,
        to: pathOf(code?.specifier ?? type?.specifier ?? `unresolved:${specifier}`),
      }))
    );
}

/** What of `deno info --json` is read here. */
interface ModuleInfo {
  specifier: string;
  dependencies?: {
    specifier: string;
    code?: { specifier?: string };
    type?: { specifier?: string };
  }[];
}

/** From the root of the repository where it lies there, else the URL. */
function pathOf(url: string): string {
  return url.startsWith(ROOT.href) ? url.slice(ROOT.href.length) : url;
}

async function exportsOf(entryPoint: string): Promise<string[]> {
  const { stdout } = await runDenoOk(["doc", "--json", entryPoint]);
  const { nodes } = JSON.parse(stdout) as {
    nodes: Record<string, { symbols: { name: string }[] }>;
  };
  const names = Object.values(nodes).flatMap(({ symbols }) => symbols.map(({ name }) => name));
  return [...new Set(names)].sort();
}
