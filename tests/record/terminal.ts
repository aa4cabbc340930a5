/**
 * A terminal that tmux emulates, and what `ip monitor` prints.
 *
 * @module
 */
import { ROOT } from "../support/run.ts";

/** So many that nothing scrolls. */
const ROWS = 60;

/** What `ip -ts monitor` prints. */
export class IpMonitor implements AsyncDisposable {
  readonly #child = new Deno.Command("ip", { args: ["-ts", "monitor"], stdout: "piped" }).spawn();
  readonly #text = new Response(this.#child.stdout).text();

  /** Ends it and counts its messages. */
  async count(): Promise<number> {
    this.#child.kill("SIGTERM");
    return (await this.#text).split("\n").filter((line) => line.startsWith("[")).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.status;
  }
}

/** A tmux server of its own, with one window. */
export class Terminal {
  readonly #socket: string;
  readonly #columns: number;

  constructor(socket: string, columns: number) {
    this.#socket = socket;
    this.#columns = columns;
  }

  async start(command: string): Promise<void> {
    const size = ["-x", String(this.#columns), "-y", String(ROWS)];
    await this.#tmux("-f", "/dev/null", "new-session", "-d", ...size, `exec env ${command}`);
  }

  async until(text: string): Promise<void> {
    while (!(await this.lines()).some((line) => line.includes(text))) await sleep(100);
  }

  /** The lines on the screen, without colours; with "-J" those that it wrapped are joined. */
  async lines(...options: string[]): Promise<string[]> {
    const text = await this.#tmux("capture-pane", "-p", "-S", "-", ...options);
    return text.trimEnd().split("\n").map((line) => line.trimEnd());
  }

  async save(path: string): Promise<void> {
    await Deno.writeTextFile(path, await this.#tmux("capture-pane", "-p", "-e", "-S", "-"));
  }

  async stop(): Promise<void> {
    await this.#tmux("kill-server");
  }

  async #tmux(...args: string[]): Promise<string> {
    return await run("tmux", "-S", this.#socket, ...args);
  }
}

/** Runs a command and returns its output. Rejects if it fails. */
export async function run(command: string, ...args: string[]): Promise<string> {
  const { stderr, stdout, success } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "" },
  }).output();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
  return new TextDecoder().decode(stdout);
}

/** Resolves later. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
