/**
 * Compares facts with a system's headers: each becomes a static assertion, compiled by the `zig cc` of
 * PyPI's `ziglang`, which ships the headers of every system.
 *
 * @module
 */
import type { Fact, System } from "./facts.ts";

/** Other releases ship other headers. */
const VERSION = "0.17.1";

/** What a comparison found. */
export interface Comparison {
  /** How many facts hold. */
  readonly equal: number;
  /** In words: facts that do not hold, names that the headers do not have. */
  readonly different: readonly string[];
  /** Labels of the facts whose header is not shipped. */
  readonly unchecked: readonly string[];
}

/** Finds zig: at the path in NETWATCH_ZIG, else on the PATH. If there is none, says why. */
export function findZig(): { zig: string } | { missing: string } {
  const zig = Deno.env.get("NETWATCH_ZIG") ?? "zig";
  try {
    const { stdout } = new Deno.Command(zig, { args: ["version"], stderr: "null" }).outputSync();
    const version = new TextDecoder().decode(stdout).trim();
    return version === VERSION
      ? { zig }
      : { missing: `${zig} is version ${version}, not ${VERSION}` };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { missing: `'${zig}' is not installed` };
    throw error;
  }
}

/**
 * Compiles the facts of a system for one of its targets.
 *
 * @throws {Error} if the compiler fails for another reason than a fact.
 */
export async function compare(
  zig: string,
  system: System,
  target: string,
): Promise<Comparison> {
  const folder = await Deno.makeTempDir();
  try {
    const source = `${folder}/facts.c`;
    const lines = program(system);
    await Deno.writeTextFile(source, lines.map(({ text }) => text).join("\n"));
    const { success, stderr } = await new Deno.Command(zig, {
      args: ["cc", "-target", target, "-S", "-o", `${folder}/facts.s`]
        .concat("-Wno-everything", "-W#warnings", "-ferror-limit=0", source),
      stdout: "null",
    }).output();
    return evaluate(lines, system.facts.length, success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Line {
  readonly text: string;
  readonly fact?: Fact;
}

function program({ facts, headers, optionalHeaders = [] }: System): Line[] {
  return [
    ...headers.map((header) => ({ text: `#include <${header}>` })),
    ...optionalHeaders.flatMap((header) => [
      { text: `#if __has_include(<${header}>)` },
      { text: `#include <${header}>` },
      { text: "#endif" },
    ]),
    ...facts.flatMap((fact): Line[] => {
      const { c, condition, value } = fact;
      const assertion = { text: `_Static_assert((long long)(${c}) == ${value}LL, "");`, fact };
      if (condition === undefined) return [assertion];
      return [
        { text: `#if ${condition}` },
        assertion,
        { text: "#else" },
        { text: "#warning unchecked", fact },
        { text: "#endif" },
      ];
    }),
  ];
}

/** Diagnostics name the line, the line names the fact. */
function evaluate(
  lines: readonly Line[],
  count: number,
  success: boolean,
  stderr: string,
): Comparison {
  const different = new Map<Fact, string>();
  const unchecked: string[] = [];
  let failed: Fact | null = null;
  for (const text of stderr.split("\n")) {
    const actual = text.match(/note: expression evaluates to '(-?\d+) == /)?.[1];
    if (actual !== undefined && failed !== null) {
      different.set(failed, `${failed.label} is ${actual}, not ${failed.value}`);
      continue;
    }
    const [, line, severity, message] = text.match(/facts\.c:(\d+):\d+: (error|warning): (.*)/) ??
      [];
    if (line === undefined) continue;
    const { fact, text: source } = lines[Number(line) - 1]!;
    if (fact === undefined) throw new Error(`${source}: ${message}`);
    if (severity === "warning") {
      unchecked.push(fact.label);
      continue;
    }
    failed = fact;
    different.set(fact, `${fact.label}, ${fact.value} here: ${message}`);
  }
  if (!success && different.size === 0) throw new Error(stderr);
  return {
    equal: count - different.size - unchecked.length,
    different: [...different.values()],
    unchecked,
  };
}
