/**
 * A subscription to the simulated source. Its table is that of the Linux source.
 *
 * @module
 */
import type { KernelEvent } from "../../ffi/linux/messages.ts";
import type { LinkTable } from "../../ffi/linux/link_table.ts";
import type { Reading, SourceEvent, Subscription } from "../../state/ports.ts";
import type { Subject } from "./network.ts";
import { PendingEvents } from "./pending_events.ts";
import type { Dump, SimulatedSource, SourceContext } from "./source.ts";

const KNOWS: Reading["knows"] = { links: true, addressFlags: true, routes: true };

/** Receives the messages of the simulated kernel. */
export class SimulatedSubscription implements Subscription {
  /** Since when it has been deaf, in monotonic milliseconds; null if it is not. */
  deafSince: number | null = null;
  /** It is deaf but answers its canary. */
  lying = false;
  /** Its iteration has ended or thrown. */
  finished = false;
  /** The monitor has released it. */
  released = false;
  /** It has adopted a reading. */
  synced = false;
  /** Subjects about which a fault may have made its table wrong: since when, and whether the source reported it. */
  readonly suspects = new Map<Subject, { moment: number; reported: boolean }>();
  /** It is the first subscription, or has answered a canary. */
  isVerified: boolean;
  /** Subjects that changed without a message, so its table does not show them. */
  readonly hidden = new Set<Subject>();
  /** Messages were lost since the last read began; once it is adopted, its parts may be of different moments. */
  isTorn = false;
  /** When it last adopted a reading, in monotonic milliseconds. */
  syncedAt = 0;
  /** Whether it keeps the process alive; null if a call of `ref()` or `unref()` failed. */
  refd: boolean | null = true;
  readonly #source: SimulatedSource;
  readonly #context: SourceContext;
  readonly #pending = new PendingEvents();
  readonly #queue: KernelEvent[] = [];
  readonly #resumes: SourceEvent[] = [];
  /** Why the monitor may release it. */
  #excuse: string | null = null;
  #table: LinkTable | null = null;
  #journal: KernelEvent[] | null = null;
  #last: Reading | null = null;
  /** As in the Linux source, views stay at the last one from a loss until a read replaces the table. */
  #isLossy = false;
  readonly #losses = new Set<"overflow" | "resync">();
  #waking = false;
  /** After an overflow the Linux source reads nothing until the next full read begins. */
  #isFlooded = false;

  /** Starts without an adopted reading. */
  constructor(source: SimulatedSource, context: SourceContext, now: number) {
    this.isVerified = source.subscription === null;
    this.#source = source;
    this.#context = context;
    this.syncedAt = now;
  }

  /** Whether the monitor takes its events. */
  get isOpen(): boolean {
    return !this.released && !this.finished;
  }

  /** Whether the source reported everything about which its table may be wrong. */
  get isTrusted(): boolean {
    return [...this.suspects.values()].every(({ reported }) => reported);
  }

  /** Whether it receives messages. */
  get receives(): boolean {
    return this.isOpen && this.deafSince === null;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SourceEvent> {
    for await (const event of this.#pending) {
      if (event.kind === "resumed") this.#resumes.shift();
      this.#context.trace(() => `source: yields ${JSON.stringify(event)}`);
      yield event;
    }
  }

  view(): Reading | null {
    this.#used("view()");
    const { faults, ledger, parts, shape } = this.#context;
    if (faults.viewThrows > 0) {
      faults.viewThrows--;
      ledger.happened("view-throws");
      this.excuse("view() threw");
      throw new Error("Simulated: cannot view");
    }
    if (!parts.quirks.readsOne) this.#drain();
    this.#source.spendView();
    if (shape.flavour === "tableless" || this.#table === null) return null;
    return this.#isLossy ? this.#last : this.#last = this.#viewOf(this.#table);
  }

  adopt(reading: Reading): void {
    this.#used("adopt()");
    const { faults, ledger } = this.#context;
    if (faults.adoptThrows > 0) {
      faults.adoptThrows--;
      ledger.happened("adopt-throws");
      this.excuse("adopt() threw");
      throw new Error("Simulated: cannot adopt");
    }
    const dump = this.#source.dumpOf(reading);
    if (dump === undefined) return;
    const { parts, shape, clock } = this.#context;
    this.#table = dump.table;
    const replay = shape.flavour === "journal" && !parts.quirks.forgetsJournal;
    if (replay) { for (const event of this.#journal ?? []) parts.applyEvent(dump.table, event); }
    this.#journal = null;
    this.#isLossy = this.isTorn;
    this.#last = this.#viewOf(dump.table);
    this.synced = true;
    this.syncedAt = clock.monotonic();
    for (const [subject, { moment }] of this.suspects) {
      if (moment < dump.begun) this.suspects.delete(subject);
    }
  }

  async probe(signal: AbortSignal): Promise<boolean> {
    this.#used("probe()");
    const { faults, ledger, random, shape, trace } = this.#context;
    const fault = faults.nextCanary();
    trace(() => `probe() ${fault ?? ""}`);
    if (fault !== null) this.excuse(`The canary ${fault}`);
    if (fault === "throws" || fault === "misses") {
      ledger.happened("canary");
      if (fault === "throws") throw new Error("Simulated: cannot probe");
      return false;
    }
    const deaf = this.deafSince !== null && !this.lying;
    if (fault === null && !deaf) {
      await this.#source.after(random.below(shape.wakeMs + 1));
      this.isVerified = true;
      return true;
    }
    const end = fault === null ? () => {} : ledger.begin("canary");
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    end();
    return false;
  }

  ref(): void {
    return this.#setRefd(true);
  }

  unref(): void {
    return this.#setRefd(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { faults, random, shape, broken, trace } = this.#context;
    trace(() => `dispose() excuse: ${this.#excuse}; suspect: ${[...this.suspects.keys()]}`);
    if (this.released) return broken("A subscription was released twice");
    const mayMiss = [...this.suspects.keys()].some((subject) => subject !== "routes");
    const replaced = !this.#source.closing && this.#excuse === null && !mayMiss &&
      this.#source.subscription === this;
    if (replaced) broken("A healthy socket was replaced");
    this.released = true;
    this.#pending.close();
    this.#source.undelivered.push(...this.#resumes.splice(0));
    this.#source.open.delete(this);
    await this.#source.after(random.below(shape.wakeMs + 1));
    if (faults.disposeThrows > 0) {
      faults.disposeThrows--;
      throw new Error("Simulated: cannot dispose");
    }
  }

  /** Posts an event. */
  post(event: SourceEvent): void {
    if (event.kind === "resumed") this.#resumes.push(event);
    this.#pending.post(event);
  }

  /** A message arrives. */
  arrive(event: KernelEvent, subject: Subject): void {
    if (this.released || this.finished) return;
    if (this.deafSince !== null) return this.disturb(subject);
    this.#queue.push(event);
    this.#wake();
  }

  /** A message is lost: the buffer overflowed, or it cannot be decoded. */
  lose(subject: Subject, reported: "overflow" | "resync"): void {
    if (!this.isOpen) return;
    this.disturb(subject, this.deafSince === null);
    if (this.deafSince !== null) return;
    this.#losses.add(reported);
    this.#wake();
  }

  /** From now on the table may be wrong about the subject. */
  disturb(subject: Subject, reported = false): void {
    const before = this.suspects.get(subject)?.reported ?? true;
    this.suspects.set(subject, { moment: this.#source.moment(), reported: reported && before });
  }

  /** The network changed without a message, which is no fault of the socket. */
  miss(subject: Subject): void {
    this.hidden.add(subject);
  }

  /** The published state equals the network: gaps in the table can do no more harm. */
  clearSuspects(): void {
    this.suspects.delete("routes");
    this.hidden.delete("routes");
    // an older message in flight may again remove a record that no message announces
    if (this.#context.shape.flightMs === 0) this.hidden.clear();
  }

  /** The monitor may release it. */
  excuse(reason: string): void {
    this.#excuse ??= reason;
  }

  /** It goes deaf. */
  deafen(lying: boolean): void {
    if (this.deafSince !== null || this.finished) return;
    const { clock, ledger, trace } = this.#context;
    trace(() => "source: is deaf");
    ledger.happened(lying ? "deaf-lying" : "deaf");
    this.deafSince = clock.monotonic();
    this.lying = lying;
    this.excuse("It is deaf");
  }

  /** The socket is lost. */
  finish(thrown: boolean): void {
    if (this.finished) return;
    this.#context.ledger.happened(thrown ? "socket-throws" : "socket-ends");
    this.finished = true;
    this.excuse("The socket was lost");
    if (thrown) this.#pending.fail(new Error("Simulated: the socket was lost"));
    else this.#pending.close();
  }

  /** A read begins. */
  startJournal(): void {
    if (this.released || this.#context.shape.flavour !== "journal") return;
    if (this.#isFlooded) this.#skip();
    else this.#drain();
    this.#journal = [];
    this.isTorn = this.#isFlooded;
  }

  /** A read has ended. */
  learn({ table }: Dump): void {
    if (this.released || this.#table === null) return;
    if (this.#context.shape.flavour !== "journal") return;
    const announced = (this.#journal ?? [])
      .flatMap((event) => "address" in event ? [event.address] : []);
    if (this.#table.mergeTentative(table, announced)) this.post({ kind: "changed" });
  }

  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    const { clock, random, shape } = this.#context;
    clock.later("io", random.below(shape.wakeMs + 1), () => {
      this.#waking = false;
      const isFlooded = shape.flavour === "journal" && this.#losses.has("overflow");
      if (isFlooded && !this.#isFlooded && !this.released) {
        this.#isFlooded = true;
        this.#report();
      } else this.#drain();
    });
  }

  /** Throws away what is queued, which the read that begins shows. */
  #skip(): void {
    this.#queue.length = 0;
    this.#isFlooded = this.#losses.has("overflow");
    this.#losses.delete("resync");
    this.#report();
  }

  /** Reports what was lost. */
  #report(): void {
    for (const kind of this.#losses) this.post({ kind });
    if (this.#losses.size > 0 && this.#context.shape.flavour === "journal") {
      this.#isLossy = this.isTorn = true;
    }
    this.#losses.clear();
  }

  #drain(): void {
    if (this.released || this.finished || this.#isFlooded) return;
    this.#report();
    const { readsOne } = this.#context.parts.quirks;
    const events = this.#queue.splice(0, readsOne ? 1 : Infinity);
    for (const event of events) this.#apply(event);
  }

  #apply(event: KernelEvent): void {
    const { parts, shape } = this.#context;
    this.#journal?.push(event);
    if (shape.flavour !== "tableless" && this.#table !== null) {
      if (shape.flavour === "plain") this.#forgetNamesake(this.#table, event);
      const changed = parts.applyEvent(this.#table, event);
      // without a journal even a message without a change may be newer than the read in flight
      if (!changed && shape.flavour !== "plain") return;
    }
    this.post({ kind: "changed" });
  }

  #viewOf(table: LinkTable): Reading {
    return {
      interfaces: table.interfaces(),
      defaultRoute: this.#source.routes(table),
      knows: KNOWS,
    };
  }

  /** Names are unique: without a journal the removal of the former holder may have been missed. */
  #forgetNamesake(table: LinkTable, event: KernelEvent): void {
    if (event.kind !== "link") return;
    const { index, name } = event.link;
    const namesake = table.interfaces().find((nic) => nic.name === name && nic.index !== index);
    if (namesake !== undefined) table.deleteLink(namesake.index);
  }

  #setRefd(refd: boolean): void {
    const { faults } = this.#context;
    const fails = faults.refThrows > 0;
    this.refd = fails ? null : refd;
    this.#used("ref() or unref()");
    if (!fails) return;
    const error = new Error("Simulated: cannot ref or unref");
    if (faults.refThrows-- % 2 === 1) throw error;
    return Promise.reject(error) as unknown as void; // of an async method
  }

  #used(what: string): void {
    if (this.released) this.#context.broken(`${what} was called after the release`);
    this.#context.called();
  }
}
