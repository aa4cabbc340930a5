/**
 * Formats times and durations.
 *
 * @module
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Formats an epoch time as a local date: `2025-11-22`. */
export function formatDate(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`;
}

/** Formats an epoch time as a local time of day: `13:22:04.123`. */
export function formatTime(at: number): string {
  const date = new Date(at);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const clock = [hours, minutes, seconds].map((part) => pad(part, 2)).join(":");
  return `${clock}.${pad(date.getMilliseconds(), 3)}`;
}

/** Formats a duration in its two largest units: `2 h 3 min`. */
export function formatDuration(ms: number): string {
  if (ms >= HOUR_MS) {
    return `${Math.floor(ms / HOUR_MS)} h ${Math.floor(ms % HOUR_MS / MINUTE_MS)} min`;
  }
  if (ms >= MINUTE_MS) {
    return `${Math.floor(ms / MINUTE_MS)} min ${Math.floor(ms % MINUTE_MS / 1_000)} s`;
  }
  return `${(ms / 1_000).toFixed(1)} s`;
}

function pad(part: number, length: number): string {
  return String(part).padStart(length, "0");
}
