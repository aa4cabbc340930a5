/**
 * Tests that change the network. Each runs in a child `deno` under `unshare -rn`, in its own network
 * namespace, so it never touches the network of the host. An ordinary user can run them.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { runDeno } from "./run.ts";
import { ffi, read, run, skippable } from "./skip.ts";

const INSIDE = "inside-namespace";

/** How to run the child. */
export interface NamespaceTestOptions {
  /** The child is killed after this many milliseconds, scaled. Default: 120_000. */
  deadlineMs?: number;
  /** What the test needs in addition to iproute2 and unshare. */
  needs?: readonly ("gcc" | "chromium" | "tun")[];
  /** The child's configuration file. Default: `deno.json`. */
  config?: string;
}

/**
 * Registers a test of the file at `url` that runs in a network namespace. Only the child calls the body;
 * if the body throws, the test fails with the child's output.
 */
export function namespaceTest(
  url: string,
  name: string,
  body: () => Promise<void>,
  options: NamespaceTestOptions = {},
): void {
  if (Deno.args.includes(INSIDE)) {
    Deno.test(name, body);
    return;
  }
  skippable({
    name,
    needs: ["linux", ffi, read, run, "unshare", "ip", ...options.needs ?? []],
    fn: () => runInside(url, name, options),
  });
}

async function runInside(
  url: string,
  name: string,
  { config = "deno.json", deadlineMs = 120_000 }: NamespaceTestOptions,
): Promise<void> {
  const pattern = `/^${name.replaceAll(/[^\w ]/g, ".")}$/`;
  const { code, stdout, stderr } = await runDeno(
    [
      ...["test", "-A", "--no-check", "--config", config, "--filter", pattern, fileURLToPath(url)],
      ...["--", INSIDE],
    ],
    { deadlineMs, command: ["unshare", "-rn"] },
  );
  if (code !== 0 || !/\b1 passed\b.*\b0 failed\b/.test(stdout)) {
    throw new Error(`Inside the namespace (exit code ${code}):\n${stdout}\n${stderr}`);
  }
}

/** Runs `ip` with these arguments, split at spaces, and returns its output. Rejects if it fails. */
export async function ip(command: string): Promise<string> {
  const { code, stdout, stderr } = await ipMay(command);
  if (code !== 0) throw new Error(`ip ${command}: ${stderr}`);
  return stdout;
}

/** Runs `ip` and returns its output and exit code. */
export async function ipMay(
  command: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command("ip", {
    args: command.split(" ").filter((word) => word !== ""),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

/** Runs many commands with as few `ip -batch` as possible. Failures are ignored. */
export async function ipBatch(commands: readonly string[]): Promise<void> {
  for (const { family, lines } of batchesOf(commands)) await runBatch(family, lines);
}

/** A batch takes no `-4` or `-6` in a line, so a command that names no address of its family needs its own batch. */
export function batchesOf(
  commands: readonly string[],
): { readonly family: string; readonly lines: string[] }[] {
  const batches: { family: string; lines: string[] }[] = [];
  for (const command of commands) {
    const [, option = "", line = command] = /^(-[46]) (.*)$/.exec(command) ?? [];
    const family = /[0-9a-f]:[0-9a-f:]|::|\d\.\d/.test(line) ? "" : option;
    if (batches.at(-1)?.family !== family) batches.push({ family, lines: [] });
    batches.at(-1)!.lines.push(line);
  }
  return batches;
}

async function runBatch(family: string, commands: readonly string[]): Promise<void> {
  const child = new Deno.Command("ip", {
    args: [...family === "" ? [] : [family], "-force", "-batch", "-"],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(commands.join("\n") + "\n"));
  await writer.close();
  await child.status;
}
