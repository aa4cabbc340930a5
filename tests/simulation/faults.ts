/**
 * The faults that wait to happen, and the account of those that happened.
 *
 * @module
 */
import type { Subject } from "./network.ts";

/** One fault. What it names happens to the next calls or messages of that sort, or to the socket now. */
export type Fault =
  /** So many messages are lost; told: the kernel says that its buffer overflowed. */
  | { fault: "drop"; count: number; told: boolean }
  /** So many messages cannot be decoded: the source says so. */
  | { fault: "garble"; count: number }
  | { fault: "duplicate"; count: number }
  /** So many messages are held back and come in another order. */
  | { fault: "reorder"; count: number }
  /** So many messages about that come late, after younger ones about the rest. */
  | { fault: "late"; about: Sort; count: number; ms: number }
  /** The socket receives nothing any more, without an error; `lying`: it still answers its canary. */
  | { fault: "deaf"; lying: boolean }
  /** So is the next socket, from its first moment on. */
  | { fault: "born-deaf"; count: number; lying: boolean }
  /** The socket is lost: its iteration ends, or throws. */
  | { fault: "end"; thrown: boolean }
  | { fault: "view-throws"; count: number }
  | { fault: "dispose-throws"; count: number }
  | { fault: "subscribe-throws"; count: number }
  /** Never comes back, or comes back `lateMs` after it was given up. */
  | { fault: "subscribe-hangs"; lateMs: number | null }
  | { fault: "read-throws"; count: number }
  | { fault: "read-hangs"; lateMs: number | null }
  /** Each of its steps takes so long. */
  | { fault: "read-slow"; ms: number }
  | { fault: "canary"; how: "hangs" | "misses" | "throws"; count: number };

/** What a message is about. */
export type Sort = "links" | "addresses" | "routes";

/** How the next call of a sort goes wrong; null: it does not. */
export type CallFault = { throws: true } | { throws: false; lateMs: number | null } | null;

/** Faults that are armed until something meets them. */
export class Faults {
  drop: { count: number; told: boolean } = { count: 0, told: false };
  garble = 0;
  duplicate = 0;
  reorder = 0;
  late: { about: Sort; count: number; ms: number } = { about: "links", count: 0, ms: 0 };
  bornDeaf: { count: number; lying: boolean } = { count: 0, lying: false };
  viewThrows = 0;
  disposeThrows = 0;
  readSlowMs = 0;
  readonly #subscribes: NonNullable<CallFault>[] = [];
  readonly #reads: NonNullable<CallFault>[] = [];
  readonly #canaries: ("hangs" | "misses" | "throws")[] = [];

  /** Arms a fault; false where it is about the socket, now. */
  arm(it: Fault): boolean {
    switch (it.fault) {
      case "drop":
        this.drop = { count: it.count, told: it.told };
        return true;
      case "garble":
        this.garble = it.count;
        return true;
      case "duplicate":
        this.duplicate = it.count;
        return true;
      case "reorder":
        this.reorder = it.count;
        return true;
      case "late":
        this.late = { about: it.about, count: it.count, ms: it.ms };
        return true;
      case "born-deaf":
        this.bornDeaf = { count: it.count, lying: it.lying };
        return true;
      case "view-throws":
        this.viewThrows = it.count;
        return true;
      case "dispose-throws":
        this.disposeThrows = it.count;
        return true;
      case "subscribe-throws":
        this.#subscribes.push(...Array(it.count).fill({ throws: true }));
        return true;
      case "subscribe-hangs":
        this.#subscribes.push({ throws: false, lateMs: it.lateMs });
        return true;
      case "read-throws":
        this.#reads.push(...Array(it.count).fill({ throws: true }));
        return true;
      case "read-hangs":
        this.#reads.push({ throws: false, lateMs: it.lateMs });
        return true;
      case "read-slow":
        this.readSlowMs = it.ms;
        return true;
      case "canary":
        this.#canaries.push(...Array(it.count).fill(it.how));
        return true;
      default:
        return false;
    }
  }

  /** What happens to this call. */
  nextCall(what: "subscribe" | "read"): CallFault {
    return (what === "read" ? this.#reads : this.#subscribes).shift() ?? null;
  }

  /** What happens to this canary. */
  nextCanary(): "hangs" | "misses" | "throws" | null {
    return this.#canaries.shift() ?? null;
  }

  /** Nothing goes wrong any more, but for what has begun. */
  end(): void {
    Object.assign(this, new Faults());
    this.#subscribes.length = this.#reads.length = this.#canaries.length = 0;
  }
}

/**
 * Faults that keep a read from finding the truth, or a table from keeping it, for as long as they go on.
 * All others only keep the socket from telling: a reconcile has to find what it does not tell.
 */
const OF_TRUTH = ["read-throws", "read-hangs", "read-slow", "late", "reorder"];

/** When faults happened. */
export class Ledger {
  /** Monotonic milliseconds of the end of the last fault. */
  lastAt = -Infinity;
  /** The same of the last fault that kept the truth away. */
  lastOfTruthAt = -Infinity;
  /** Faults that go on. */
  active = 0;
  /** Of those, the ones that keep the truth away. */
  activeOfTruth = 0;
  /** Every fault that happened, by name, and how often. */
  readonly counts = new Map<string, number>();
  readonly #now: () => number;

  /** An account without faults. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A fault happened just now. */
  happened(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    this.#mark(name, 0);
  }

  /** A fault begins; the returned function ends it. */
  begin(name: string): () => void {
    this.happened(name);
    this.#mark(name, 1);
    let ended = false;
    return () => {
      if (!ended) this.#mark(name, -1);
      ended = true;
    };
  }

  #mark(name: string, step: number): void {
    this.lastAt = this.#now();
    this.active += step;
    if (!OF_TRUTH.includes(name)) return;
    this.lastOfTruthAt = this.lastAt;
    this.activeOfTruth += step;
  }
}

/** What a message is about, as faults name it. */
export function sortOf(subject: Subject, kind: string): Sort {
  if (subject === "routes") return "routes";
  return kind.startsWith("link") ? "links" : "addresses";
}
