/**
 * Every version that each record of the network ever had, as text, and when.
 *
 * @module
 */

/** One version of a record: from a revision of the network to the next one. null: it was not there. */
export interface Version {
  readonly text: string | null;
  readonly fromRevision: number;
  /** The revision that ended it; Infinity while it is the newest. */
  toRevision: number;
  /** Monotonic milliseconds of its end; Infinity while it is the newest. */
  toTime: number;
}

/** From when on a version has to have been. */
export interface Since {
  /** It is this one of the record's versions or a later one. */
  version?: number;
  /** It was still there at this revision. */
  revision?: number;
  /** It was still there at this time. */
  time?: number;
}

/** The records of the network, by key. */
export class History {
  readonly #records = new Map<string, Version[]>();
  readonly #known = new Map<string, Set<string>>();
  readonly #covered = new Map<string, Set<string>>();

  /** The record has this text from now on. */
  set(key: string, text: string | null, revision: number, time: number): void {
    let versions = this.#records.get(key);
    if (versions === undefined) {
      if (text === null) return;
      versions = [{ text: null, fromRevision: 0, toRevision: Infinity, toTime: Infinity }];
      this.#records.set(key, versions);
    }
    const last = versions.at(-1) as Version;
    if (last.text === text) return;
    last.toRevision = revision;
    last.toTime = time;
    versions.push({ text, fromRevision: revision, toRevision: Infinity, toTime: Infinity });
    if (text !== null) this.#add(this.#known, key, text);
  }

  /** The record would have been so, had not another one covered it. */
  cover(key: string, text: string): void {
    this.#add(this.#covered, key, text);
  }

  /** Whether the record ever would have been so. */
  wasCovered(key: string, text: string | null): boolean {
    return text !== null && (this.#covered.get(key)?.has(text) ?? false);
  }

  /** The record as it is. */
  get(key: string): string | null {
    return this.#records.get(key)?.at(-1)?.text ?? null;
  }

  /** Whether the record ever was so. */
  ever(key: string, text: string | null): boolean {
    return text === null || (this.#known.get(key)?.has(text) ?? false) ||
      this.wasCovered(key, text);
  }

  /** The first version of the record that has this text and was still there then; -1 where none was. */
  find(key: string, text: string | null, since: Since): number {
    const versions = this.#records.get(key);
    if (versions === undefined) return text === null ? 0 : -1;
    const { version = 0, revision = 0, time = -Infinity } = since;
    for (let i = version; i < versions.length; i++) {
      const it = versions[i] as Version;
      if (it.text === text && it.toRevision > revision && it.toTime >= time) return i;
    }
    return -1;
  }

  /** The keys that begin so. */
  keys(prefix: string): string[] {
    return [...this.#records.keys()].filter((key) => key.startsWith(prefix));
  }

  #add(to: Map<string, Set<string>>, key: string, text: string): void {
    const known = to.get(key);
    if (known === undefined) to.set(key, new Set([text]));
    else known.add(text);
  }
}
