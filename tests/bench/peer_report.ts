/**
 * The output of a program at its end; see `peers/README.md`.
 *
 * @module
 */

/** The parsed lines. */
export interface PeerReport {
  /** When it noticed changes, in nanoseconds of `CLOCK_MONOTONIC`. */
  events: number[];
  /** The addresses that it knows, as CIDR; null if it keeps no state. */
  state: string[] | null;
  /** Other numbers, by name. */
  values: Record<string, number>;
}

/**
 * Parses lines such as "event 5", "utc 2026-11-25T23:10:00.123456", "state 192.0.2.1/24" and "published 7".
 *
 * @param offsetNs What to add to the wall clock to get `CLOCK_MONOTONIC`, in nanoseconds
 */
export function parsePeerReport(text: string, offsetNs = 0): PeerReport {
  const report: PeerReport = { events: [], state: null, values: {} };
  for (const line of text.split("\n")) {
    const [name = "", ...words] = line.split(" ");
    if (name === "event") report.events.push(Number(words[0]));
    else if (name === "utc") report.events.push(parseUtc(words[0]!) + offsetNs);
    else if (name === "state") report.state = words;
    else if (name !== "") report.values[name] = Number(words[0]);
  }
  return report;
}

/** `Date` knows milliseconds only. */
function parseUtc(utc: string): number {
  const [seconds, fraction = "0"] = utc.split(".");
  return Date.parse(`${seconds}Z`) * 1e6 + Math.round(Number(`0.${fraction}`) * 1e9);
}
