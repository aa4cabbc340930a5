/**
 * Counts property reads, to show the cost of something without a clock.
 *
 * @module
 */

/** Counts how often the properties of its objects are read. */
export class Tally {
  #reads = new Map<string, number>();

  /** The object, with its reads counted. */
  of<T extends object>(object: T): T {
    return new Proxy(object, {
      get: (target, property) => {
        const name = String(property);
        this.#reads.set(name, (this.#reads.get(name) ?? 0) + 1);
        return Reflect.get(target, property);
      },
    });
  }

  /** How often each property is read in the body. */
  namesDuring(body: () => void): Record<string, number> {
    this.#reads = new Map();
    body();
    return Object.fromEntries(this.#reads);
  }

  /** How many reads the body needs. */
  during(body: () => void): number {
    return Object.values(this.namesDuring(body)).reduce((sum, count) => sum + count, 0);
  }
}
