// What all monitors of an isolate share: loaded by the first user, given back with the last.

/**
 * Who comes back within so many microtasks, as a loop over single reads does, finds it still loaded. A
 * timer would outlive a test that looks for leaks.
 */
const GRACE_TURNS = 32;

/** Counts the users of what was loaded, by the path that it was loaded from. */
export class Refcounted<S extends { dispose(): Promise<void> }> {
  readonly #load: (path: string | undefined) => Promise<S>;
  /** By path; that of the one that is found is "". */
  readonly #loaded = new Map<string, { users: number; readonly system: Promise<S> }>();

  /** Nothing is loaded before it is wanted. */
  constructor(load: (path: string | undefined) => Promise<S>) {
    this.#load = load;
  }

  /** Loads it, or shares what is loaded. Every success needs one `release()`. */
  async acquire(path: string | undefined): Promise<S> {
    const key = path ?? "";
    const counted = this.#loaded.get(key) ?? { users: 0, system: this.#load(path) };
    this.#loaded.set(key, counted);
    counted.users++;
    try {
      return await counted.system;
    } catch (error) {
      if (this.#loaded.get(key) === counted) this.#loaded.delete(key);
      throw error;
    }
  }

  /** Whether somebody has it loaded, so that no permission is needed any more. */
  has(path: string | undefined): boolean {
    return this.#loaded.has(path ?? "");
  }

  /** Gives it back; the last one unloads it. */
  async release(path: string | undefined): Promise<void> {
    const key = path ?? "";
    const counted = this.#loaded.get(key);
    if (counted === undefined || --counted.users > 0) return;
    for (let turn = 0; turn < GRACE_TURNS; turn++) await null;
    if (counted.users > 0 || this.#loaded.get(key) !== counted) return;
    this.#loaded.delete(key);
    await (await counted.system).dispose();
  }
}
