/**
 * Runs another `deno` and collects what it says.
 *
 * @module
 */
import { scaled } from "./timing.ts";

/** How the child is run. */
export interface RunOptions {
  /** The working directory; the root of the repository if left out. */
  cwd?: string | URL;
  /** Environment variables over the inherited ones. */
  env?: Record<string, string>;
  /** A program that runs `deno` in its turn, such as `unshare -rn`. */
  command?: readonly [string, ...string[]];
  /** After so many milliseconds the child is killed and the run fails; 60_000 if left out. */
  deadlineMs?: number;
}

/** What the child left. */
export interface RunResult {
  /** The exit code; 128 and the signal's number where a signal ended it. */
  code: number;
  /** What it wrote to standard output. */
  stdout: string;
  /** What it wrote to standard error. */
  stderr: string;
}

/** The root of the repository. */
export const ROOT: URL = new URL("../../", import.meta.url);

/**
 * Runs this very `deno` with the arguments: no prompt, no colour, no input. Rejects when the child
 * outlives its deadline; any exit code is a result.
 */
export async function runDeno(args: readonly string[], options?: RunOptions): Promise<RunResult> {
  const deadlineMs = scaled(options?.deadlineMs ?? 60_000);
  const [command, ...prefix] = [...options?.command ?? [], Deno.execPath()];
  const child = new Deno.Command(command!, {
    args: [...prefix, ...args],
    cwd: options?.cwd ?? ROOT,
    env: { NO_COLOR: "1", DENO_NO_PROMPT: "1", DENO_NO_UPDATE_CHECK: "1", ...options?.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, deadlineMs);
  try {
    const output = await child.output();
    const result = { code: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
    if (late) throw new Error(`Killed after ${deadlineMs} ms: ${describeRun(args, result)}`);
    return result;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs as `runDeno()` does and rejects, with what the child wrote, unless it exits with 0. */
export async function runDenoOk(args: readonly string[], options?: RunOptions): Promise<RunResult> {
  const result = await runDeno(args, options);
  if (result.code !== 0) throw new Error(describeRun(args, result));
  return result;
}

function describeRun(args: readonly string[], { code, stdout, stderr }: RunResult): string {
  return `'deno ${args.join(" ")}' exited with ${code}\n${stdout}\n${stderr}`;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
