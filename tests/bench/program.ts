/**
 * A program under measurement.
 *
 * @module
 */
import { monotonicNs, wallClockNs } from "./clock.ts";
import { Meter } from "./meter.ts";
import type { Peer } from "./peers.ts";

const END_MS = 30_000;

/** What a program printed after its standard input had ended. */
export interface Report {
  /** When it noticed changes, in nanoseconds of `CLOCK_MONOTONIC`. */
  events: number[];
  /** The addresses that it knows, as CIDR; null if it keeps no state. */
  state: string[] | null;
  /** Other numbers, by name. */
  values: Record<string, number>;
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

  /** Starts it; resolves when it is watching. */
  static async start({ command, name }: Peer, args: readonly string[] = []): Promise<Program> {
    const [file, ...rest] = command;
    const start = monotonicNs();
    const child = new Deno.Command(file!, {
      args: [...rest, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    if (value?.startsWith("ready") !== true) throw new Error(`${name} is not ready: ${value}`);
    return new Program(child, reader, (monotonicNs() - start) / 1e6);
  }

  /** Ends its standard input and returns what it prints then. */
  async end(): Promise<Report> {
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
    return { ...parseReport(text), died: died || signal === "SIGKILL" };
  }

  #kill(): void {
    if (!this.#ended) this.#child.kill("SIGKILL");
  }
}

/** Parses lines such as "event 5", "state 192.0.2.1/24" and "published 7"; see `peers/README.md`. */
export function parseReport(text: string): Omit<Report, "died"> {
  const report: Omit<Report, "died"> = { events: [], state: null, values: {} };
  for (const line of text.split("\n")) {
    const [name = "", ...words] = line.split(" ");
    if (name === "event") report.events.push(Number(words[0]));
    else if (name === "utc") report.events.push(monotonicOfUtc(words[0]!));
    else if (name === "state") report.state = words;
    else if (name !== "") report.values[name] = Number(words[0]);
  }
  return report;
}

/** Of a time such as "2026-11-25T23:10:00.123456"; `Date` knows milliseconds only. */
function monotonicOfUtc(utc: string): number {
  const [seconds, fraction = "0"] = utc.split(".");
  const ns = Date.parse(`${seconds}Z`) * 1e6 + Number(`0.${fraction}`) * 1e9;
  return ns + monotonicNs() - wallClockNs();
}
