/**
 * A program under measurement.
 *
 * @module
 */
import { monotonicNs, wallClockNs } from "./clock.ts";
import { Meter } from "./meter.ts";
import { parsePeerReport, type PeerReport } from "./peer_report.ts";
import type { Peer } from "./peers.ts";

const END_MS = 30_000;

/** What it printed at its end. */
export interface EndReport extends PeerReport {
  /** Whether it had ended by itself, or did not answer. */
  died: boolean;
}

/** A running program. */
export class Program {
  /** Reads what it costs. */
  readonly meter: Meter;
  /** Milliseconds from its start until it was watching. */
  readonly startMs: number;
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #ended = false;

  private constructor(
    child: Deno.ChildProcess,
    reader: ReadableStreamDefaultReader<string>,
    startMs: number,
  ) {
    this.#child = child;
    this.#reader = reader;
    this.startMs = startMs;
    this.meter = new Meter(child.pid);
    child.status.then(() => this.#ended = true);
  }

  /** Whether it has ended by itself. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Starts it; resolves when it is watching. */
  static async start({ command, name }: Peer, args: readonly string[] = []): Promise<Program> {
    const [file, ...rest] = command;
    const start = monotonicNs();
    const child = new Deno.Command(file!, {
      args: [...rest, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const errors = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    if (value?.startsWith("ready") !== true) {
      throw new Error(`${name} is not ready: ${(await errors).trim().split("\n").at(-1)}`);
    }
    return new Program(child, reader, (monotonicNs() - start) / 1e6);
  }

  /** Ends its standard input and returns what it prints then. */
  async end(): Promise<EndReport> {
    const died = this.#ended;
    const timer = setTimeout(() => this.#kill(), END_MS);
    await this.#child.stdin.close().catch(() => {});
    let text = "";
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      text += value;
    }
    clearTimeout(timer);
    const { signal } = await this.#child.status;
    const report = parsePeerReport(text, monotonicNs() - wallClockNs());
    return { ...report, died: died || signal === "SIGKILL" };
  }

  #kill(): void {
    if (!this.#ended) this.#child.kill("SIGKILL");
  }
}
