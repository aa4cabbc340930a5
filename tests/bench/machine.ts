/**
 * The machine that the suite runs on.
 *
 * @module
 */
import type { Results } from "./results.ts";

/** The machine. */
export function describeMachine(): Results["machine"] {
  const cpus = Deno.readTextFileSync("/proc/cpuinfo");
  return {
    cpu: /^model name\s*:\s*(.*)$/m.exec(cpus)?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryGib: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    kernel: Deno.osRelease(),
    deno: Deno.version.deno,
  };
}

/** The commit of the working tree, with "+" if it has changes. */
export function currentCommit(): string {
  const git = (...args: string[]) => {
    const { stdout, success } = new Deno.Command("git", { args, stderr: "null" }).outputSync();
    if (!success) throw new Error("not a clone");
    return new TextDecoder().decode(stdout).trim();
  };
  try {
    const changes = git("status", "--porcelain", "--untracked-files=no");
    return git("rev-parse", "--short", "HEAD") + (changes === "" ? "" : "+");
  } catch {
    return "unknown"; // no git, or not a clone
  }
}
