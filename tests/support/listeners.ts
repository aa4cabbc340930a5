/**
 * Signals that count their listeners.
 *
 * @module
 */

/** A signal that outlives its users, and the number of its current listeners. */
export function countedSignal(): { signal: AbortSignal; listeners: () => number } {
  const { signal } = new AbortController();
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: unknown[]) => {
    count++;
    add(...args as Parameters<typeof add>);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    count--;
    remove(...args as Parameters<typeof remove>);
  };
  return { signal, listeners: () => count };
}
