/**
 * The clocks that all processes share; `performance.now()` starts at 0 in each.
 *
 * @module
 */
const CLOCK_REALTIME = 0; // linux/time.h
const CLOCK_MONOTONIC = 1;

const { symbols } = Deno.dlopen("libc.so.6", {
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});
const timespec = new BigInt64Array(2);

/** Nanoseconds since the machine started. */
export function monotonicNs(): number {
  return clockNs(CLOCK_MONOTONIC);
}

/** Nanoseconds since 1970. */
export function wallClockNs(): number {
  return clockNs(CLOCK_REALTIME);
}

function clockNs(clock: number): number {
  symbols.clock_gettime(clock, timespec);
  return Number(timespec[0]!) * 1e9 + Number(timespec[1]!);
}
