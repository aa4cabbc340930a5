// Dispatches the events of a monitor.
import type { Health, Snapshot, State } from "../state/types.ts";
import { HealthEvent, NetworkEvent } from "./events.ts";

/**
 * Dispatches the events of one monitor. Called synchronously, when streams and `waitFor()` calls have their snapshot
 * but have not resumed yet.
 */
export class EventDispatcher {
  readonly #target: EventTarget;
  readonly #isClosed: () => boolean;
  /** The types that ever had a listener: only their events are created. */
  readonly #types = new Set<string>();

  /** Dispatches to this target, and no publication of a closed monitor. */
  constructor(target: EventTarget, isClosed: () => boolean) {
    this.#target = target;
    this.#isClosed = isClosed;
  }

  /** A listener for events of this type was added. */
  listen(type: string): void {
    this.#types.add(type);
  }

  /** A snapshot was published, other than the first. A listener may close the monitor. */
  onPublished(snapshot: Snapshot, previous: State): void {
    const { online } = snapshot.state;
    const turned = online !== previous.online && online !== "unknown";
    this.#dispatch("change", snapshot);
    if (turned) this.#dispatch(online ? "online" : "offline", snapshot);
    if (snapshot.causes.includes("resume")) this.#dispatch("resume", snapshot);
  }

  /** `health.status` changed. */
  onHealth(health: Health): void {
    if (this.#types.has("health")) {
      this.#target.dispatchEvent(new HealthEvent("health", { health }));
    }
  }

  #dispatch(type: "change" | "online" | "offline" | "resume", snapshot: Snapshot): void {
    if (!this.#types.has(type) || this.#isClosed()) return;
    this.#target.dispatchEvent(new NetworkEvent(type, { snapshot }));
  }
}
