/**
 * Statistics of a few values.
 *
 * @module
 */

/** The middle value; of an even count the lower one. NaN if there is none. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The smallest value that at least this share of the values does not exceed. NaN if there is none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? NaN;
}

/**
 * How long after each change an event came, in milliseconds: the first event that is not older. A change
 * without one is left out.
 */
export function latencies(sentNs: readonly number[], eventsNs: readonly number[]): number[] {
  const events = eventsNs.toSorted((a, b) => a - b);
  let next = 0;
  return sentNs.flatMap((sent) => {
    while (next < events.length && events[next]! < sent) next++;
    return next < events.length ? [(events[next]! - sent) / 1e6] : [];
  });
}
