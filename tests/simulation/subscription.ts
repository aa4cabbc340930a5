/**
 * A subscription to the simulated source. Its table is the real one of the Linux source.
 *
 * @module
 */
import type { KernelEvent } from "../../ffi/linux/classify.ts";
import type { LinkTable } from "../../ffi/linux/link_table.ts";
import type { Reading, SourceEvent, Subscription } from "../../state/source.ts";
import type { Subject } from "./network.ts";
import { PendingEvents } from "./pending_events.ts";
import type { Dump, SimulatedSource, SourceContext } from "./source.ts";

const KNOWS: Reading["knows"] = { links: true, addressFlags: true, routes: true };

/** Hears the simulated kernel. */
export class SimulatedSubscription implements Subscription {
  /** Monotonic milliseconds since when it is deaf; null while it hears. */
  deafSince: number | null = null;
  /** It is deaf, and answers its canary nevertheless. */
  lying = false;
  /** Its iteration ends or throws. */
  finished = false;
  /** It was given back. */
  released = false;
  /** It has the truth to go on from. */
  based = false;
  /** What its table may have wrong, because a message went astray, and since which moment. */
  readonly doubts = new Map<Subject, { moment: number; told: boolean }>();
  /** It has answered a canary, or is the first one, of which none is asked. */
  isProven: boolean;
  /** What its table does not show, because the kernel sent no message. */
  readonly hidden = new Set<Subject>();
  /** Monotonic milliseconds when it was last based on the truth. */
  basedAt = 0;
  readonly #source: SimulatedSource;
  readonly #context: SourceContext;
  readonly #pending = new PendingEvents();
  readonly #queue: KernelEvent[] = [];
  readonly #resumes: SourceEvent[] = [];
  /** Why the monitor may give it up. */
  #excuse: string | null = null;
  #table: LinkTable | null = null;
  #journal: KernelEvent[] | null = null;
  readonly #losses = new Set<"overflow" | "resync">();
  #waking = false;

  /** Hears from now on. */
  constructor(source: SimulatedSource, context: SourceContext, now: number) {
    this.isProven = source.subscription === null;
    this.#source = source;
    this.#context = context;
    this.basedAt = now;
  }

  /** Whether what is posted to it is fetched. */
  get isOpen(): boolean {
    return !this.released && !this.finished;
  }

  /** Whether everything that its table may have wrong was told as an overflow. */
  get isTrusted(): boolean {
    return [...this.doubts.values()].every(({ told }) => told);
  }

  /** Whether it hears what the kernel says. */
  get hears(): boolean {
    return this.isOpen && this.deafSince === null;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SourceEvent> {
    for await (const event of this.#pending) {
      if (event.kind === "resumed") this.#resumes.shift();
      this.#context.trace(() => `source: tells ${JSON.stringify(event)}`);
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
    const interfaces = this.#table.interfaces();
    return { interfaces, defaultRoute: this.#source.routes(this.#table), knows: KNOWS };
  }

  adopt(reading: Reading): void {
    this.#used("adopt()");
    const truth = this.#source.truthOf(reading);
    if (truth === undefined) return;
    const { parts, shape, clock } = this.#context;
    this.#table = truth.table;
    const replay = shape.flavour === "journal" && !parts.quirks.forgetsJournal;
    if (replay) { for (const event of this.#journal ?? []) parts.applyEvent(truth.table, event); }
    this.#journal = null;
    this.based = true;
    this.basedAt = clock.monotonic();
    for (const [subject, { moment }] of this.doubts) {
      if (moment < truth.begun) this.doubts.delete(subject);
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
      this.isProven = true;
      return true;
    }
    const end = fault === null ? () => {} : ledger.begin("canary");
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    end();
    return false;
  }

  ref(): void {}

  unref(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    const { faults, random, shape, broken, trace } = this.#context;
    trace(() => `dispose() excuse: ${this.#excuse}; doubts: ${[...this.doubts.keys()]}`);
    if (this.released) return broken("A subscription was released twice");
    const astray = [...this.doubts.keys()].some((subject) => subject !== "routes");
    const condemned = !this.#source.closing && this.#excuse === null && !astray &&
      this.#source.subscription === this;
    if (condemned) broken("A healthy source was condemned");
    this.released = true;
    this.#pending.close();
    this.#source.unheard.push(...this.#resumes.splice(0));
    this.#source.open.delete(this);
    await this.#source.after(random.below(shape.wakeMs + 1));
    if (faults.disposeThrows > 0) {
      faults.disposeThrows--;
      throw new Error("Simulated: cannot dispose");
    }
  }

  /** Announces. */
  post(event: SourceEvent): void {
    if (event.kind === "resumed") this.#resumes.push(event);
    this.#pending.post(event);
  }

  /** A message has come. */
  arrive(event: KernelEvent, subject: Subject): void {
    if (this.released || this.finished) return;
    if (this.deafSince !== null) return this.disturb(subject);
    this.#queue.push(event);
    this.#wake();
  }

  /** A message was lost: the buffer overflowed, or it cannot be decoded. */
  lose(subject: Subject, reported: "overflow" | "resync"): void {
    if (!this.isOpen) return;
    this.disturb(subject, this.deafSince === null);
    if (this.deafSince !== null) return;
    this.#losses.add(reported);
    this.#wake();
  }

  /** From this moment on the table may be wrong about this. */
  disturb(subject: Subject, told = false): void {
    const before = this.doubts.get(subject)?.told ?? true;
    this.doubts.set(subject, { moment: this.#source.moment(), told: told && before });
  }

  /** The network changed without a message: no fault of the socket, and its table does not show it. */
  miss(subject: Subject): void {
    this.hidden.add(subject);
  }

  /** What is published is true: what the table does not hold can do no more harm. */
  settleDoubts(): void {
    this.doubts.delete("routes");
    this.hidden.delete("routes");
    // an older message that is on its way may take away again what nothing announces
    if (this.#context.shape.flightMs === 0) this.hidden.clear();
  }

  /** The monitor may give it up. */
  excuse(reason: string): void {
    this.#excuse ??= reason;
  }

  /** It receives nothing any more. */
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
    this.#drain();
    this.#journal = [];
  }

  /** A read has ended. */
  learn({ table }: Dump): void {
    if (this.released || this.#table === null) return;
    if (this.#context.shape.flavour !== "journal") return;
    const gone = (this.#journal ?? [])
      .flatMap((event) => event.kind === "address-gone" ? [event.address] : []);
    if (this.#table.mergeTentative(table, gone)) this.post({ kind: "changed" });
  }

  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    const { clock, random, shape } = this.#context;
    clock.later("io", random.below(shape.wakeMs + 1), () => {
      this.#waking = false;
      this.#drain();
    });
  }

  #drain(): void {
    if (this.released || this.finished) return;
    for (const kind of this.#losses) this.post({ kind });
    this.#losses.clear();
    const { readsOne } = this.#context.parts.quirks;
    const events = this.#queue.splice(0, readsOne ? 1 : Infinity);
    for (const event of events) this.#hear(event);
  }

  #hear(event: KernelEvent): void {
    const { parts, shape } = this.#context;
    this.#journal?.push(event);
    if (shape.flavour !== "tableless" && this.#table !== null) {
      if (shape.flavour === "plain") this.#forgetNamesake(this.#table, event);
      const changed = parts.applyEvent(this.#table, event);
      // without journal even what says nothing new may be news to the read that is under way
      if (!changed && shape.flavour !== "plain") return;
    }
    this.post({ kind: "changed" });
  }

  /** Names are unique: without journal the end of the one that had it may have been overlooked. */
  #forgetNamesake(table: LinkTable, event: KernelEvent): void {
    if (event.kind !== "link") return;
    const { index, name } = event.link;
    const namesake = table.interfaces().find((nic) => nic.name === name && nic.index !== index);
    if (namesake !== undefined) table.deleteLink(namesake.index);
  }

  #used(what: string): void {
    if (this.released) this.#context.broken(`${what} was called after the release`);
  }
}
