/**
 * A program under measurement: its CPU time is read from outside.
 *
 * @module
 */

/** A child process that prints "ready" when it is watching. */
export class Consumer {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;

  private constructor(child: Deno.ChildProcess, lines: ReadableStreamDefaultReader<string>) {
    this.#child = child;
    this.#lines = lines;
  }

  /** Starts it; resolves when it is watching. */
  static async start(command: string, args: readonly string[]): Promise<Consumer> {
    const child = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await lines.read();
    if (value?.startsWith("ready") !== true) throw new Error(`${command} is not ready: ${value}`);
    return new Consumer(child, lines);
  }

  /** User and system time of all its threads so far, in milliseconds (/proc/PID/task/TID/schedstat). */
  cpuMs(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    let nanoseconds = 0;
    for (const { name } of Deno.readDirSync(tasks)) {
      nanoseconds += Number(Deno.readTextFileSync(`${tasks}/${name}/schedstat`).split(" ")[0]);
    }
    return nanoseconds / 1e6;
  }

  /** Ends its standard input and returns what it prints then; what runs on is killed. */
  async end(): Promise<string> {
    await this.#child.stdin.close();
    const timer = setTimeout(() => this.kill(), 10_000);
    let text = "";
    for (;;) {
      const { done, value } = await this.#lines.read();
      if (done) break;
      text += value;
    }
    clearTimeout(timer);
    await this.#child.status;
    return text;
  }

  /** Kills it. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
