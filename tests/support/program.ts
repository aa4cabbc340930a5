/**
 * A program that is talked to while it runs.
 *
 * @module
 */
import { ROOT, type RunOptions, type RunResult } from "./run.ts";
import { scaled } from "./timing.ts";

/** How the program is run. */
export interface ProgramOptions extends Omit<RunOptions, "command"> {
  /** False: nobody reads its standard output but `readOnce()`. */
  reads?: boolean;
}

/** This very `deno` with the arguments, as `runDeno()` starts it, but with standard input. */
export function denoProgram(args: readonly string[], options?: ProgramOptions): Program {
  return new Program([Deno.execPath(), ...args], options);
}

/** A command line on a terminal of its own. Needs `script`. */
export function terminalProgram(commandLine: string, options?: ProgramOptions): Program {
  return new Program(["script", "-qec", commandLine, "/dev/null"], options);
}

/** A child process with its output as it comes. Killed when it is disposed or outlives its deadline. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #outputs: Promise<[void, string]>;
  readonly #timer: ReturnType<typeof setTimeout>;
  #stdout = "";
  #ended = false;
  #grown = Promise.withResolvers<void>();

  /** Starts the command. */
  constructor([command, ...args]: readonly [string, ...string[]], options: ProgramOptions = {}) {
    this.#child = new Deno.Command(command, {
      args,
      cwd: options.cwd ?? ROOT,
      env: { NO_COLOR: "1", DENO_NO_PROMPT: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reader = this.#child.stdout.getReader();
    this.#outputs = Promise.all([
      options.reads === false ? Promise.resolve() : this.#pump(),
      new Response(this.#child.stderr).text(),
    ]);
    this.#timer = setTimeout(() => this.signal("SIGKILL"), scaled(options.deadlineMs ?? 60_000));
  }

  /** What it has written to standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Waits until its standard output from `start` on satisfies the pattern. */
  async until(pattern: RegExp, start = 0): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#stdout.slice(start));
      if (found !== null) return found;
      if (this.#ended) {
        const [, stderr] = await this.#outputs;
        throw new Error(`No ${pattern} in the output:\n${this.#stdout.slice(start)}\n${stderr}`);
      }
      await this.#grown.promise;
    }
  }

  /** Waits for output and reads some of it. */
  async readOnce(): Promise<void> {
    await this.#reader.read();
  }

  /** Types on its standard input. */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Closes the reading end of its standard output. */
  async closeStdout(): Promise<void> {
    await this.#reader.cancel();
  }

  /** Sends a signal; nothing when it has ended. */
  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Waits for its end. */
  async end(): Promise<RunResult> {
    const { code } = await this.#child.status;
    const [, stderr] = await this.#outputs;
    return { code, stdout: this.#stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.signal("SIGKILL");
    await this.#child.status;
    await this.closeStdout();
    await this.#outputs;
    await this.#child.stdin.close().catch(() => {});
  }

  async #pump(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.#stdout += decoder.decode(value, { stream: true });
      this.#wakeReaders();
    }
    this.#ended = true;
    this.#wakeReaders();
  }

  #wakeReaders(): void {
    this.#grown.resolve();
    this.#grown = Promise.withResolvers();
  }
}
