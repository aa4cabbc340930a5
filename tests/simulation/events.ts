/**
 * Listens to the events of a monitor, and checks that each publication and each change of its status has its events, in
 * order.
 *
 * @module
 */
import type { HealthEvent, NetworkEvent, NetworkMonitor } from "../../mod.ts";
import type { Publications } from "./publications.ts";
import type { World } from "./world.ts";

/** The listeners of one monitor. */
export class Events {
  readonly #world: World;
  readonly #publications: Publications;
  readonly #monitor: NetworkMonitor;
  /** The last event `health`, or the status at the beginning. */
  #status: string;
  /** The sequence number of the last event `change`, and the types that must follow it. */
  #sequence: number;
  #following: string[] = [];

  /** Adds the listeners. */
  constructor(world: World, publications: Publications, monitor: NetworkMonitor) {
    this.#world = world;
    this.#publications = publications;
    this.#monitor = monitor;
    this.#status = monitor.health.status;
    this.#sequence = monitor.current.sequence;
    monitor.addEventListener("change", (event) => this.#onChange(event));
    monitor.addEventListener("health", (event) => this.#onHealth(event));
    for (const type of ["online", "offline", "resume"] as const) {
      monitor.addEventListener(type, (event) => this.#onFollowing(event));
    }
  }

  /** Fails if an event is missing. */
  check(): void {
    const published = this.#publications.last?.snapshot.sequence;
    if (published !== this.#sequence) {
      this.#world.fail(`The last event is about ${this.#sequence}, and ${published} is published`);
    }
    if (this.#following.length > 0) this.#world.fail(`No event ${this.#following[0]}`);
    const { status } = this.#monitor.health;
    if (status !== this.#status) {
      this.#world.fail(`The status is ${status}, and the last event said ${this.#status}`);
    }
  }

  /** Fails if no event said that the monitor is closed. */
  end(): void {
    if (this.#status !== "closed") this.#world.fail("No event says that the monitor is closed");
  }

  #onChange({ snapshot }: NetworkEvent): void {
    this.#isExpected("change");
    if (snapshot !== this.#monitor.current) this.#world.fail("An event comes before `current`");
    const { sequence, causes, state: { online } } = snapshot;
    if (sequence !== this.#sequence + 1 || this.#following.length > 0) {
      this.#world.fail(`An event about ${sequence} after one about ${this.#sequence}`);
    }
    this.#sequence = sequence;
    const turned = online !== this.#publications.at(sequence - 1)?.snapshot.state.online;
    if (turned) this.#following.push(online ? "online" : "offline");
    if (causes.includes("resume")) this.#following.push("resume");
    this.#world.userCode("listener");
  }

  #onFollowing({ type, snapshot }: NetworkEvent): void {
    this.#isExpected(type);
    const expected = this.#following.shift();
    if (type !== expected || snapshot.sequence !== this.#sequence) {
      this.#world.fail(`The event ${type}, not ${expected}`);
    }
    this.#world.userCode("listener");
  }

  #onHealth({ health: { status } }: HealthEvent): void {
    if (status !== "closed") this.#isExpected("health");
    if (status === this.#status || status !== this.#monitor.health.status) {
      this.#world.fail(`The event health says ${status} after ${this.#status}`);
    }
    this.#status = status;
    this.#world.userCode("listener");
  }

  #isExpected(type: string): void {
    if (this.#world.source.closing) this.#world.fail(`The event ${type} comes after close()`);
  }
}
