/**
 * The events that a monitor dispatches.
 *
 * @module
 */
import type { Health, Snapshot } from "../state/types.ts";

/** The event of a publication: `change`, `online`, `offline` or `resume`. */
export class NetworkEvent extends Event {
  /** The publication; the same object as `current`, unless another one followed. */
  readonly snapshot: Snapshot;

  /**
   * Creates the event.
   *
   * @param type The type.
   * @param init The snapshot, and the options of every event.
   */
  constructor(type: string, init: EventInit & { readonly snapshot: Snapshot }) {
    super(type, init);
    this.snapshot = init.snapshot;
  }
}

/** The event `health`. */
export class HealthEvent extends Event {
  /** The health with the new status. */
  readonly health: Health;

  /**
   * Creates the event.
   *
   * @param type The type.
   * @param init The health, and the options of every event.
   */
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

/** A listener for events of one type; a type that is not in the map has plain events. */
export type NetworkEventListener<Type extends string> =
  | ((event: EventOf<Type>) => unknown)
  | { handleEvent(event: EventOf<Type>): unknown };

/** The event of a type. */
export type EventOf<Type extends string> = Type extends keyof NetworkEventMap
  ? NetworkEventMap[Type]
  : Event;
