/**
 * Delivery of messages from the simulated kernel to the socket, with its faults.
 *
 * @module
 */
import type { KernelEvent } from "../../ffi/linux/messages.ts";
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
  #inFlight = 0;

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
    to.disturb(subject, reported !== null);
    if (reported !== null) this.#inOrder(this.#lastArrival, () => to.lose(subject, reported));
  }

  #send(to: SimulatedSubscription, event: KernelEvent, subject: Subject, ms: number): void {
    this.#lastArrival = Math.max(this.#lastArrival, this.#context.clock.monotonic() + ms);
    this.#inOrder(this.#lastArrival, () => to.arrive(event, subject));
  }

  /** At once, unless an earlier message is in flight: it may be overdue, when a view has taken its time. */
  #inOrder(due: number, arrive: () => void): void {
    const { clock } = this.#context;
    const ms = Math.max(0, due - clock.monotonic());
    if (ms === 0 && this.#inFlight === 0) return arrive();
    this.#inFlight++;
    clock.later("kernel", ms, () => {
      this.#inFlight--;
      arrive();
    });
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
