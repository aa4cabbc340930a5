/**
 * Compares facts with a system's headers: each becomes a static assertion, compiled by the `zig cc` of
 * PyPI's `ziglang`, which ships the headers of every system.
 *
 * @module
 */
import type { Fact, System } from "./facts.ts";

/** Other releases ship other headers. */
export const ZIGLANG = "ziglang==0.17.1";

/** The command that runs zig. */
export type Zig = readonly [string, ...string[]];

/** What a comparison found. */
export interface Comparison {
  /** How many facts hold. */
  readonly equal: number;
  /** In words: facts that do not hold, names that the headers do not have. */
  readonly different: readonly string[];
  /** Labels of the facts whose header is not shipped. */
  readonly unchecked: readonly string[];
}

/** Finds zig, or the reason why there is none. */
export function findZig(): { command: Zig } | { missing: string } {
  const python = Deno.env.get("NETWATCH_PYTHON") ?? "python3";
  try {
    const { stdout, success } = new Deno.Command(python, {
      args: ["-m", "ziglang", "version"],
      stderr: "null",
    }).outputSync();
    const version = new TextDecoder().decode(stdout).trim();
    if (!success) return { missing: `${python} has no ${ZIGLANG} (PyPI)` };
    if (`ziglang==${version}` === ZIGLANG) return { command: [python, "-m", "ziglang"] };
    return { missing: `${python} has ziglang ${version}, not ${ZIGLANG}` };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { missing: `'${python}' is not installed` };
    throw error;
  }
}

/**
 * Compiles the facts of a system for one of its targets.
 *
 * @throws {Error} if the compiler fails for another reason than a fact
 */
export async function compare(
  zig: Zig,
  system: System,
  target: string,
): Promise<Comparison> {
  const folder = await Deno.makeTempDir();
  try {
    const source = `${folder}/facts.c`;
    const lines = program(system);
    await Deno.writeTextFile(source, lines.map(({ text }) => text).join("\n"));
    const [command, ...args] = zig;
    const { success, stderr } = await new Deno.Command(command, {
      args: [...args, "cc", "-target", target, "-S", "-o", `${folder}/facts.s`]
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
