/**
 * Preloaded into a program: polls twenty times a second instead of every five seconds.
 *
 * @module
 */
const start = globalThis.setInterval;
globalThis.setInterval =
  ((call: () => void, ms?: number) => start(call, ms === 5_000 ? 50 : ms)) as typeof setInterval;
