// The interface between `ffi/` and `actor/`: an opened source.
import type { Clock, NetworkSource } from "./ports.ts";

/** A source that is ready to be subscribed to. */
export interface OpenedSource {
  readonly source: NetworkSource;
  /** Why it polls although events were asked for; null otherwise. */
  readonly reason: string | null;
  /** Whether it polls: then `health.status` is never better than `polling`. */
  readonly polling: boolean;
  /** A clock with the source's own timers, which cost less than the runtime's. They end with `dispose()`. */
  readonly clock?: Clock | undefined;
  /** Releases what the source holds: called once, after close or when opening fails. */
  dispose(): Promise<void>;
}
