/**
 * Armed faults, and a ledger of those that happened.
 *
 * @module
 */
import type { Subject } from "./network.ts";

/** One fault: of the next calls or messages of a sort, or of the socket at once. */
export type Fault =
  /** Messages are lost, with or without an overflow reported. */
  | { fault: "drop"; count: number; reported: boolean }
  /** Messages cannot be decoded: the source asks for a resync. */
  | { fault: "garble"; count: number }
  | { fault: "duplicate"; count: number }
  /** Messages arrive in another order. */
  | { fault: "reorder"; count: number }
  /** Messages of a sort arrive late, after newer ones of other sorts. */
  | { fault: "late"; about: Sort; count: number; ms: number }
  /** The socket goes deaf without an error; if `lying`, it still answers its canary. */
  | { fault: "deaf"; lying: boolean }
  /** The next sockets are deaf from the start. */
  | { fault: "born-deaf"; count: number; lying: boolean }
  /** The socket is lost: its iteration ends or throws. */
  | { fault: "end"; thrown: boolean }
  | { fault: "view-throws" | "adopt-throws"; count: number }
  /** The next calls of `ref()` and `unref()` throw or reject, and do nothing. */
  | { fault: "ref-throws"; count: number }
  | { fault: "dispose-throws"; count: number }
  | { fault: "subscribe-throws"; count: number }
  /** The call never returns, or returns `lateMs` after it was aborted. */
  | { fault: "subscribe-hangs"; lateMs: number | null }
  | { fault: "read-throws"; count: number }
  | { fault: "read-hangs"; lateMs: number | null }
  /** Each step of the read takes `ms`. */
  | { fault: "read-slow"; ms: number }
  | { fault: "canary"; how: "hangs" | "misses" | "throws"; count: number };

/** Sorts of messages. */
export type Sort = "links" | "addresses" | "routes";

/** How a call fails; null if it does not. */
export type CallFault = { throws: true } | { throws: false; lateMs: number | null } | null;

/** Faults that are armed until a call or a message meets them. */
export class Faults {
  drop: { count: number; reported: boolean } = { count: 0, reported: false };
  garble = 0;
  duplicate = 0;
  reorder = 0;
  late: { about: Sort; count: number; ms: number } = { about: "links", count: 0, ms: 0 };
  bornDeaf: { count: number; lying: boolean } = { count: 0, lying: false };
  viewThrows = 0;
  adoptThrows = 0;
  disposeThrows = 0;
  refThrows = 0;
  readSlowMs = 0;
  readonly #subscribes: NonNullable<CallFault>[] = [];
  readonly #reads: NonNullable<CallFault>[] = [];
  readonly #canaries: ("hangs" | "misses" | "throws")[] = [];

  /** Arms a fault. Returns false for one that strikes the socket at once. */
  arm(it: Fault): boolean {
    switch (it.fault) {
      case "drop":
        this.drop = { count: it.count, reported: it.reported };
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
      case "adopt-throws":
        this.adoptThrows = it.count;
        return true;
      case "dispose-throws":
        this.disposeThrows = it.count;
        return true;
      case "ref-throws":
        this.refThrows = it.count;
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

  /** The fault of this call. */
  nextCall(what: "subscribe" | "read"): CallFault {
    return (what === "read" ? this.#reads : this.#subscribes).shift() ?? null;
  }

  /** The fault of this canary. */
  nextCanary(): "hangs" | "misses" | "throws" | null {
    return this.#canaries.shift() ?? null;
  }

  /** Disarms all faults. Those that have begun continue. */
  end(): void {
    Object.assign(this, new Faults());
    this.#subscribes.length = this.#reads.length = this.#canaries.length = 0;
  }
}

/**
 * Faults that make a read fail or a table wrong. All others only keep the socket from delivering events, which
 * reconcile has to make up for.
 */
const OF_READS = ["read-throws", "read-hangs", "read-slow", "late", "reorder"];

/** Which faults happened, and when. */
export class Ledger {
  /** When the last fault ended, in monotonic milliseconds. */
  lastAt = -Infinity;
  /** When the last fault of reads or tables ended, in monotonic milliseconds. */
  lastOfReadsAt = -Infinity;
  /** The number of current faults. */
  active = 0;
  /** The number of current faults of reads or tables. */
  activeOfReads = 0;
  /** How often each fault happened, by name. */
  readonly counts = new Map<string, number>();
  readonly #now: () => number;

  /** No fault has happened yet. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A fault happens. */
  happened(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    this.#mark(name, 0);
  }

  /** A fault begins. Returns a function that ends it. */
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
    if (!OF_READS.includes(name)) return;
    this.lastOfReadsAt = this.lastAt;
    this.activeOfReads += step;
  }
}

/** The sort of a message. */
export function sortOf(subject: Subject, kind: string): Sort {
  if (subject === "routes") return "routes";
  return kind.startsWith("link") ? "links" : "addresses";
}
