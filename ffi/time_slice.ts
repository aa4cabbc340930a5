// Work in slices, between which the event loop has its turn.

/** The length of a slice. */
export const SLICE_MS = 8;
/** The first one of a read: short reads need no pause, since the first timer of a process takes 8 ms to load. */
const FIRST_SLICE_MS = 16;

/** Long work in slices, so that it holds the event loop no longer than a slice at a time. */
export class TimeSlice {
  #end = performance.now() + FIRST_SLICE_MS;

  /** Whether it is time to pause. */
  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  /** Lets timers and other sockets have their turn; the next slice begins. */
  async pause(signal: AbortSignal): Promise<void> {
    await macrotask();
    signal.throwIfAborted();
    this.#end = performance.now() + SLICE_MS;
  }
}

/** Lets timers and other sockets have their turn; a timer would take a millisecond. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
