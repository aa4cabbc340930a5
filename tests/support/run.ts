/**
 * Runs `deno` as a child process and collects its output.
 *
 * @module
 */
import { scaled } from "./timing.ts";

/** How to run the child. */
export interface RunOptions {
  /** The working directory. Default: the root of the repository. */
  cwd?: string | URL;
  /** Environment variables to add to the inherited ones. */
  env?: Record<string, string>;
  /** A command that runs `deno`, such as `unshare -rn`. */
  command?: readonly [string, ...string[]];
  /** The child is killed and the run fails after this many milliseconds, scaled. Default: 60_000. */
  deadlineMs?: number;
}

/** The result of a child. */
export interface RunResult {
  /** The exit code; 128 plus the signal number if a signal killed it. */
  code: number;
  /** Its standard output. */
  stdout: string;
  /** Its standard error. */
  stderr: string;
}

/** The root of the repository. */
export const ROOT: URL = new URL("../../", import.meta.url);

/**
 * Runs the current `deno` executable with these arguments, without prompts, colours and input. Rejects if
 * the child outlives its deadline; any exit code is a result.
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

/** Like `runDeno()`, but rejects with the child's output unless it exits with 0. */
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
