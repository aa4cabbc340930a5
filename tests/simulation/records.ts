/**
 * Checks that every published record is one that the network had.
 *
 * @module
 */
import type { Interface, Snapshot, State } from "../../state/types.ts";
import type { Since } from "./history.ts";
import { recordText, routeText, viaText } from "./texts.ts";
import type { World } from "./world.ts";

/** Faults after which a table may be wrong about what it has shown before. */
const DISORDERS = ["late", "reorder", "drop", "deaf", "deaf-lying"];

/** The moment of a publication. */
export interface Moment {
  /** The revision of the network. */
  readonly revision: number;
  /** Monotonic milliseconds. */
  readonly time: number;
}

/** Compares publications with the history of the network. */
export class Records {
  readonly #world: World;
  /** The version published last by key, if it is certain. */
  readonly #published = new Map<string, number>();
  /** The lowest version that the last publication can have shown, by key. */
  readonly #shown = new Map<string, number>();

  /** Starts without a publication. */
  constructor(world: World) {
    this.#world = world;
  }

  /** Checks the differences from the publication before. */
  check(snapshot: Snapshot, previous: State | null, before: Moment): void {
    const { interfaces } = snapshot.state;
    for (const nic of Object.values(interfaces)) {
      const from = previous?.interfaces[nic.name];
      if (from !== nic) this.#checkInterface(nic.name, from ?? null, nic, before);
    }
    for (const nic of Object.values(previous?.interfaces ?? {})) {
      if (interfaces[nic.name] !== undefined) continue;
      const renamed = Object.values(interfaces).some(({ index }) => index === nic.index);
      this.#checkInterface(nic.name, renamed ? null : nic, null, before);
    }
    this.#checkRoutes(snapshot.state, previous, before);
  }

  /**
   * Whether the table has to equal the network: messages take no time, and no loss was silent or during a read. Then a
   * whole record is one that the network had since the previous publication, and never older than a published one.
   */
  get #isStrict(): boolean {
    const { subscription } = this.#world.source;
    const { flavour, flightMs } = this.#world.plan.shape;
    return flavour === "journal" && flightMs === 0 && subscription !== null &&
      subscription.synced && subscription.receives && subscription.isTrusted &&
      subscription.hidden.size === 0 && !subscription.isTorn;
  }

  #checkInterface(
    name: string,
    from: Interface | null,
    to: Interface | null,
    before: Moment,
  ): void {
    const text = to === null ? null : recordText(to).whole;
    if (from !== null && to !== null && recordText(from).whole === text) return;
    if (this.#isStrict) this.#checkStrictly(`name:${name}`, text, before);
    if (to !== null) this.#checkParts(from, to, before);
    else if (from !== null) this.#checkPart(`link:${from.index}`, from.index, null, before);
  }

  #checkStrictly(key: string, text: string | null, before: Moment): void {
    const version = this.#published.get(key) ?? 0;
    const found = this.#world.network.history.find(key, text, {
      version,
      revision: before.revision,
    });
    if (found >= 0) this.#published.set(key, found);
    else this.#world.fail(`Published what the network did not have: ${key} ${text}`);
  }

  #checkParts(from: Interface | null, to: Interface, before: Moment): void {
    const { link, addresses } = recordText(to);
    const previous = from?.index === to.index ? recordText(from) : null;
    if (previous?.link !== link) this.#checkPart(`link:${to.index}`, to.index, link, before);
    for (const [cidr, text] of addresses) {
      if (previous?.addresses.get(cidr) === text) continue;
      this.#checkPart(`address:${to.index}:${cidr}`, to.index, text, before);
    }
    for (const cidr of previous?.addresses.keys() ?? []) {
      if (addresses.has(cidr)) continue;
      this.#checkPart(`address:${to.index}:${cidr}`, to.index, null, before);
    }
  }

  /** A link or an address alone: a read without a socket may show the two at different moments. */
  #checkPart(key: string, index: number, text: string | null, before: Moment): void {
    const { history } = this.#world.network;
    const { subscription } = this.#world.source;
    if (!history.ever(key, text)) {
      this.#world.fail(`Published what the network never had: ${key} ${text}`);
    }
    this.#checkNotOlder(key, text);
    if (subscription?.suspects.has(index) || subscription?.hidden.has(index)) return;
    if (this.#world.ledger.counts.size > 0 || this.#world.blockedMs > 0) return;
    // a change that the table missed uncovers older addresses for a while
    if (this.#world.plan.shape.flavour === "plain") return;
    const since: Since = { time: before.time - 2 * this.#world.lagMs };
    // reads and messages in flight can show an address without the one that covered it
    if (history.find(key, text, since) < 0 && !history.wasCovered(key, text)) {
      this.#world.fail(`Published what the network no longer had: ${key} ${text}`);
    }
  }

  /** No record goes back to an older version, not even when the socket is lost, if messages arrive and in order. */
  #checkNotOlder(key: string, text: string | null): void {
    const { flavour, flightMs } = this.#world.plan.shape;
    const { counts } = this.#world.ledger;
    if (flavour === "plain" || flightMs > 0 || DISORDERS.some((it) => counts.has(it))) return;
    const { history } = this.#world.network;
    const found = history.find(key, text, { version: this.#shown.get(key) ?? 0 });
    if (found >= 0) this.#shown.set(key, found);
    else if (!history.wasCovered(key, text)) {
      this.#world.fail(`Published an older version again: ${key} ${text}`);
    }
  }

  #checkRoutes(state: State, previous: State | null, before: Moment): void {
    for (const family of ["ipv4", "ipv6"] as const) {
      const route = state.defaultRoute[family];
      const text = routeText(route);
      if (previous !== null && text === routeText(previous.defaultRoute[family])) continue;
      if (this.#isStrict) this.#checkStrictly(`route:${family}`, text, before);
      else if (!this.#world.network.history.ever(`via:${family}`, viaText(route))) {
        this.#world.fail(`Published a route that the network never had: ${text}`);
      }
    }
  }
}
