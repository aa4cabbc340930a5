/**
 * What a program under measurement prints; see `../README.md`.
 *
 * @module
 */
import { monotonicNs } from "../../clock.ts";

/** The times of the changes that a program noticed. */
export class Events {
  readonly #times: number[] = [];

  /** Records a change. */
  seen(): void {
    this.#times.push(monotonicNs());
  }

  /** Prints "ready", waits for the end of standard input and prints the events. */
  async run(): Promise<void> {
    console.log("ready");
    for await (const _ of Deno.stdin.readable);
    const lines = this.#times.map((at) => `event ${at}\n`).join("");
    await new Response(lines).body!.pipeTo(Deno.stdout.writable, { preventClose: true });
  }
}

/** Prints the addresses that the program knows, as CIDR. */
export function printState(cidrs: Iterable<string>): void {
  console.log(["state", ...cidrs].join(" "));
}
