/**
 * Formats times.
 *
 * @module
 */

/** Formats an epoch time as a local date and time of day: `2025-11-22 13:22:04.123`. */
export function formatDateTime(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`;
  return `${day} ${formatTime(at)}`;
}

/** Formats an epoch time as a local time of day: `13:22:04.123`. */
export function formatTime(at: number): string {
  const date = new Date(at);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const clock = [hours, minutes, seconds].map((part) => pad(part, 2)).join(":");
  return `${clock}.${pad(date.getMilliseconds(), 3)}`;
}

/** Formats an epoch time in UTC as ISO 8601: `2025-11-22T12:22:04.123Z`. */
export function formatIso(at: number): string {
  return new Date(at).toISOString();
}

function pad(part: number, length: number): string {
  return String(part).padStart(length, "0");
}
