/**
 * Runs a program in network and process namespaces of its own. The kernel removes both, with all
 * processes and interfaces in them, when the program ends.
 *
 * @module
 */
const running = new Set<Deno.ChildProcess>();
/** The folder of all temporary files, once there are some. */
let temporary: string | null = null;

/** Runs `deno run` with these arguments; what it prints goes to the callbacks, line by line. */
export async function runInNamespace(
  args: readonly string[],
  onOutput: (line: string) => void,
  onProgress: (line: string) => void,
): Promise<void> {
  temporary ??= Deno.makeTempDirSync({ prefix: "netwatch-bench-" });
  const user = Deno.uid() === 0 ? [] : ["--map-root-user"];
  const child = new Deno.Command("setsid", { // a session has a priority of its own
    args: [
      "unshare",
      ...["--net", "--pid", "--fork", "--mount-proc", "--kill-child", ...user],
      ...[Deno.execPath(), "run", "-A", "--no-check", ...args],
    ],
    env: { TMPDIR: temporary },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  running.add(child);
  let last = "";
  await Promise.all([
    eachLine(child.stdout, onOutput),
    eachLine(child.stderr, (line) => onProgress(last = line)),
  ]);
  const { success } = await child.status;
  running.delete(child);
  await child.stdin.close().catch(() => {});
  if (!success) throw new Error(last);
}

/** Kills what runs, with all that it started, and removes temporary files. */
export function cleanUp(): void {
  for (const child of running) child.kill("SIGKILL");
  if (temporary !== null) Deno.removeSync(temporary, { recursive: true });
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(onLine);
  }
  if (rest !== "") onLine(rest);
}
