/**
 * Tests in a network namespace of their own: each runs in a child `deno` under `unshare -rn`, as root
 * or as an ordinary user, and never touches the network of the host.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { runDeno } from "./run.ts";
import { ffi, read, run, skippable } from "./skip.ts";

const INSIDE = "inside-namespace";

/** How the child is run. */
export interface NamespaceTestOptions {
  /** After so many milliseconds the child is killed; 120_000 if left out. */
  deadlineMs?: number;
  /** What else is needed than iproute2 and unshare. */
  needs?: readonly "gcc"[];
}

/**
 * Registers a test of the file at `url` that runs inside a namespace. The body is called in the child
 * only; what it throws fails the test with the child's output.
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
    fn: () => runInside(url, name, options.deadlineMs ?? 120_000),
  });
}

async function runInside(url: string, name: string, deadlineMs: number): Promise<void> {
  const pattern = `/^${name.replaceAll(/[^\w ]/g, ".")}$/`;
  const { code, stdout, stderr } = await runDeno(
    ["test", "-A", "--no-check", "--filter", pattern, fileURLToPath(url), "--", INSIDE],
    { deadlineMs, command: ["unshare", "-rn"] },
  );
  if (code !== 0 || !/\b1 passed\b.*\b0 failed\b/.test(stdout)) {
    throw new Error(`Inside the namespace (exit code ${code}):\n${stdout}\n${stderr}`);
  }
}

/** Runs `ip` with these arguments, split at spaces; answers what it printed. Rejects when it fails. */
export async function ip(command: string): Promise<string> {
  const { code, stdout, stderr } = await ipMay(command);
  if (code !== 0) throw new Error(`ip ${command}: ${stderr}`);
  return stdout;
}

/** Runs `ip`, whatever its exit code. */
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

/** Runs many `ip` commands in one process, as `ip -batch` does. */
export async function ipBatch(commands: readonly string[]): Promise<void> {
  const child = new Deno.Command("ip", {
    args: ["-force", "-batch", "-"],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(commands.join("\n") + "\n"));
  await writer.close();
  await child.status;
}
