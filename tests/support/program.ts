/**
 * Runs a program and interacts with it while it runs.
 *
 * @module
 */
import { ROOT, type RunOptions, type RunResult } from "./run.ts";
import { scaled } from "./timing.ts";

/** How to run the program. */
export interface ProgramOptions extends Omit<RunOptions, "command"> {
  /** False if only `readOnce()` reads its standard output. */
  reads?: boolean;
}

/** Starts the current `deno` executable like `runDeno()`, but with standard input. */
export function denoProgram(args: readonly string[], options?: ProgramOptions): Program {
  return new Program([Deno.execPath(), ...args], options);
}

/**
 * Runs a command line in a new terminal of 40 rows and 100 columns, after printing the terminal's name.
 * Needs `script`. The command replaces the shell: dash waits for its last command, and dies of the Ctrl-C
 * that the terminal sends to both.
 */
export function terminalProgram(commandLine: string, options?: ProgramOptions): Program {
  const script = `tty; stty rows 40 cols 100; exec ${commandLine}`;
  return new Program(["script", "-qec", script, "/dev/null"], options);
}

/** A running child process. It is killed when this object is disposed or after the deadline. */
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

  /** The process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Its standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Waits until its standard output from `start` on matches the pattern. */
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

  /** Waits for output and reads a chunk of it. */
  async readOnce(): Promise<void> {
    await this.#reader.read();
  }

  /** Writes to its standard input. */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Closes the reading end of its standard output. */
  async closeStdout(): Promise<void> {
    await this.#reader.cancel();
  }

  /** Sends a signal, unless the process has ended. */
  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Waits until it ends. */
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
