/**
 * The versions of each record of the network, as text, with their times.
 *
 * @module
 */

/** One version of a record. The text is null while the record does not exist. */
export interface Version {
  readonly text: string | null;
  readonly fromRevision: number;
  /** The revision of the network that ended it; Infinity for the newest version. */
  toRevision: number;
  /** When it ended, in monotonic milliseconds; Infinity for the newest version. */
  toTime: number;
}

/** How old a version may be. */
export interface Since {
  /** It is this version of the record or a later one. */
  version?: number;
  /** It existed at this revision or later. */
  revision?: number;
  /** It existed at this time or later. */
  time?: number;
}

/** The records of the network, by key. */
export class History {
  readonly #records = new Map<string, Version[]>();
  readonly #known = new Map<string, Set<string>>();
  readonly #covered = new Map<string, Set<string>>();

  /** The record changes to this text. */
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

  /** The record would have this text if another one did not cover it. */
  cover(key: string, text: string): void {
    this.#add(this.#covered, key, text);
  }

  /** Whether the record would ever have had this text. */
  wasCovered(key: string, text: string | null): boolean {
    return text !== null && (this.#covered.get(key)?.has(text) ?? false);
  }

  /** The current text of the record. */
  get(key: string): string | null {
    return this.#records.get(key)?.at(-1)?.text ?? null;
  }

  /** Whether the record ever had this text. */
  ever(key: string, text: string | null): boolean {
    return text === null || (this.#known.get(key)?.has(text) ?? false) ||
      this.wasCovered(key, text);
  }

  /** The first version of the record with this text that is young enough; -1 if there is none. */
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

  /** The keys with this prefix. */
  keys(prefix: string): string[] {
    return [...this.#records.keys()].filter((key) => key.startsWith(prefix));
  }

  #add(to: Map<string, Set<string>>, key: string, text: string): void {
    const known = to.get(key);
    if (known === undefined) to.set(key, new Set([text]));
    else known.add(text);
  }
}
