// The events of a monitor, and their dispatch.
import type { Health, Snapshot, State } from "../state/types.ts";

/** The event of a publication: `change`, `online`, `offline` or `resume`. */
export class NetworkEvent extends Event {
  /** The published snapshot; the same object as `current`, unless a newer one followed. */
  readonly snapshot: Snapshot;

  /** Creates the event from its type, the snapshot and the usual event options. */
  constructor(type: string, init: EventInit & { readonly snapshot: Snapshot }) {
    super(type, init);
    this.snapshot = init.snapshot;
  }
}

/** The event `health`. */
export class HealthEvent extends Event {
  /** The health with the new status. */
  readonly health: Health;

  /** Creates the event from its type, the health and the usual event options. */
  constructor(type: string, init: EventInit & { readonly health: Health }) {
    super(type, init);
    this.health = init.health;
  }
}

/** The events by type. */
export interface NetworkEventMap {
  /** A snapshot was published. */
  change: NetworkEvent;
  /** `state.online` became true. */
  online: NetworkEvent;
  /** `state.online` became false. */
  offline: NetworkEvent;
  /** The machine woke from sleep. */
  resume: NetworkEvent;
  /** `health.status` changed; closing is the last change. */
  health: HealthEvent;
}

/** A listener for events of one type; types that are not in the map get a plain `Event`. */
export type NetworkEventListener<Type extends string> =
  | ((event: EventOf<Type>) => unknown)
  | { handleEvent(event: EventOf<Type>): unknown };

/** The event of a type. */
export type EventOf<Type extends string> = (NetworkEventMap & Record<string, Event>)[Type];

/** Dispatches a monitor's events, synchronously: readers have their snapshot by then, but have not resumed yet. */
export class EventDispatcher {
  readonly types = new Set<string>(); // those that ever had a listener: only their events are created
  readonly #target: EventTarget;
  readonly #healths: Health[] = []; // those still to be dispatched
  #closed = false;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** A snapshot was published, other than the first. A listener may close the monitor. */
  onPublished(snapshot: Snapshot, previous: State): void {
    if (this.types.size === 0) return;
    const { online } = snapshot.state;
    const turned = online !== previous.online && online !== "unknown";
    this.#dispatch("change", snapshot);
    if (turned) this.#dispatch(online ? "online" : "offline", snapshot);
    if (snapshot.causes.includes("resume")) this.#dispatch("resume", snapshot);
  }

  /** `health.status` changed. */
  onHealth(health: Health): void {
    this.#closed = health.status === "closed";
    if (!this.types.has("health")) return;
    if (this.#healths.push(health) > 1) return; // a listener closed the monitor: the others get this event next
    for (; this.#healths.length > 0; this.#healths.shift()) {
      this.#target.dispatchEvent(new HealthEvent("health", { health: this.#healths[0]! }));
    }
  }

  #dispatch(type: "change" | "online" | "offline" | "resume", snapshot: Snapshot): void {
    if (!this.types.has(type) || this.#closed) return;
    this.#target.dispatchEvent(new NetworkEvent(type, { snapshot }));
  }
}
