/**
 * Delivery of messages from the simulated kernel to the socket, with its faults.
 *
 * @module
 */
import type { KernelEvent } from "../../ffi/linux/classify.ts";
import { sortOf } from "./faults.ts";
import type { Subject } from "./network.ts";
import type { SourceContext } from "./source.ts";
import type { SimulatedSubscription } from "./subscription.ts";

/** The longest time that a message is held back for reordering, in milliseconds. */
const LONGEST_HOLD_MS = 40;

/** Delivers messages in order, unless a fault is armed. */
export class Delivery {
  readonly #context: SourceContext;
  readonly #held: { event: KernelEvent; subject: Subject }[] = [];
  #lastArrival = 0;

  /** No message is in flight. */
  constructor(context: SourceContext) {
    this.#context = context;
  }

  /** The kernel sends a message. */
  announced(to: SimulatedSubscription, event: KernelEvent, subject: Subject): void {
    const { faults, ledger, shape, random } = this.#context;
    if (faults.drop.count > 0) {
      faults.drop.count--;
      ledger.happened(faults.drop.reported ? "overflow" : "drop");
      this.#lose(to, subject, faults.drop.reported ? "overflow" : null);
      return;
    }
    if (faults.garble > 0) {
      faults.garble--;
      ledger.happened("resync");
      this.#lose(to, subject, "resync");
      return;
    }
    if (faults.duplicate > 0) {
      faults.duplicate--;
      this.#send(to, event, subject, random.below(shape.flightMs + 1));
    }
    if (faults.late.count > 0 && faults.late.about === sortOf(subject, event.kind)) {
      faults.late.count--;
      this.#sendLate(to, event, subject, faults.late.ms);
    } else if (faults.reorder > 0) {
      this.#hold(to, event, subject);
    } else {
      this.#send(to, event, subject, random.below(shape.flightMs + 1));
    }
  }

  /** A loss is reported, if at all, after the messages queued before it. */
  #lose(
    to: SimulatedSubscription,
    subject: Subject,
    reported: "overflow" | "resync" | null,
  ): void {
    const { clock } = this.#context;
    to.disturb(subject, reported !== null);
    if (reported === null) return;
    const ms = this.#lastArrival - clock.monotonic();
    if (ms <= 0) to.lose(subject, reported);
    else clock.later("kernel", ms, () => to.lose(subject, reported));
  }

  #send(to: SimulatedSubscription, event: KernelEvent, subject: Subject, ms: number): void {
    const { clock } = this.#context;
    const due = Math.max(this.#lastArrival, clock.monotonic() + ms);
    this.#lastArrival = due;
    if (due === clock.monotonic()) to.arrive(event, subject);
    else clock.later("kernel", due - clock.monotonic(), () => to.arrive(event, subject));
  }

  #sendLate(to: SimulatedSubscription, event: KernelEvent, subject: Subject, ms: number): void {
    const { clock, ledger } = this.#context;
    const end = ledger.begin("late");
    to.disturb(subject);
    clock.later("kernel", ms, () => {
      end();
      to.disturb(subject);
      to.arrive(event, subject);
    });
  }

  #hold(to: SimulatedSubscription, event: KernelEvent, subject: Subject): void {
    const { clock, faults, ledger, random } = this.#context;
    faults.reorder--;
    const end = ledger.begin("reorder");
    to.disturb(subject);
    this.#held.push({ event, subject });
    clock.later("kernel", faults.reorder === 0 ? 0 : LONGEST_HOLD_MS, () => {
      end();
      for (const it of random.shuffle(this.#held.splice(0))) {
        to.disturb(it.subject);
        to.arrive(it.event, it.subject);
      }
    });
  }
}
