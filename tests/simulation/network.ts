/**
 * The simulated network: interfaces, addresses and default routes, and the messages about them.
 *
 * @module
 */
import type { KernelEvent } from "../../ffi/linux/messages.ts";
import type { DefaultRoute } from "../../state/types.ts";
import { History } from "./history.ts";
import {
  addressMessage,
  IFA_DEFAULT,
  isRunning,
  type Link,
  linkFields,
  linkMessage,
  positionOf,
  publishedAddress,
  publishedAddresses,
  sourceOf,
} from "./link.ts";
import { isHostOnly, usable } from "./meanings.ts";
import { ADDRESSES, SLOTS } from "./pool.ts";
import {
  addressText,
  factsText,
  makeRecordText,
  type RecordText,
  routeText,
  viaText,
} from "./texts.ts";

/** The subject of a message: the index of an interface, or the routes. */
export type Subject = number | "routes";

/** An address family, as a key of `State.defaultRoute`. */
export type Family = "ipv4" | "ipv6";

/** One change of the network, or a message without a change. An impossible change does nothing. */
export type Mutation =
  | { do: "link-add" | "link-remove" | "link-again"; slot: number }
  | { do: "link-up" | "carrier"; slot: number; on: boolean }
  | { do: "mtu"; slot: number; mtu: number }
  | { do: "rename"; slot: number; name: number }
  /** The interface becomes a port of, or sits on, the link in the other slot; null: of none. */
  | { do: "master" | "parent"; slot: number; other: number | null }
  | { do: "address-set"; slot: number; spec: number; flags: number }
  | { do: "address-remove" | "address-again"; slot: number; spec: number }
  /** The kernel announces an automatic IPv6 address only after duplicate address detection. */
  | { do: "address-hidden"; slot: number; spec: number }
  | { do: "route-set"; slot: number; family: Family; gateway: string | null; metric: number }
  | { do: "route-remove"; slot: number; family: Family }
  /** An expired router advertisement, a sysctl: no message. */
  | { do: "route-silent"; slot: number; family: Family; gateway: string | null; metric: number }
  /** A policy rule sends the family through an interface. */
  | { do: "rule"; slot: number | null; family: Family }
  | { do: "route-noise" };

interface Route {
  gateway: string | null;
  metric: number;
}

/** A default route, its interface by index. */
export type IndexedRoute = Omit<DefaultRoute, "interface"> & { index: number };

/** Receives the kernel's messages. */
export interface Listener {
  /** A message about a change that happens now. */
  announced(event: KernelEvent, subject: Subject): void;
  /** A change without a message. */
  silent(subject: Subject): void;
}

/** The network itself. */
export class Network {
  /** Every version of every record. */
  readonly history = new History();
  /** The number of changes so far. */
  revision = 0;
  /** When it changed last, in monotonic milliseconds. */
  changedAt = 0;
  readonly #links = new Map<number, Link>();
  readonly #texts = new Map<string, RecordText>();
  readonly #routes: Record<Family, Map<number, Route>> = { ipv4: new Map(), ipv6: new Map() };
  readonly #rules: Record<Family, number | null> = { ipv4: null, ipv6: null };
  readonly #now: () => number;
  readonly #listener: Listener;
  #lastIndex = 0;
  #facts: { readonly revision: number; readonly text: string } | null = null;

  /** A network without interfaces. */
  constructor(now: () => number, listener: Listener) {
    this.#now = now;
    this.#listener = listener;
  }

  /** The interfaces. */
  get links(): Iterable<Link> {
    return this.#links.values();
  }

  /** The expected published interfaces as text, by name. */
  get texts(): ReadonlyMap<string, RecordText> {
    return this.#texts;
  }

  /** The default route. Routes disappear with their link, without a message of their own. */
  routeOf(family: Family): IndexedRoute | null {
    let best: IndexedRoute | null = null;
    for (const [index, { gateway, metric }] of this.#routes[family]) {
      const link = this.#links.get(index);
      if (link === undefined || !link.up) continue;
      const isRuled = link.slot === this.#rules[family];
      if (isRuled || best === null || metric < (best.metric ?? 0)) {
        best = { index, gateway, source: null, metric };
      }
      if (isRuled) break;
    }
    if (best === null) return null;
    const source = sourceOf(
      this.#links.get(best.index) as Link,
      family === "ipv4" ? "IPv4" : "IPv6",
    );
    return { ...best, source };
  }

  /** The expected derived fields, as text. */
  facts(): string {
    if (this.#facts?.revision !== this.revision) {
      this.#facts = { revision: this.revision, text: this.#makeFacts() };
    }
    return this.#facts.text;
  }

  #makeFacts(): string {
    const routes = [this.routeOf("ipv4"), this.routeOf("ipv6")];
    const exits = routes.map((route) => route?.index);
    const positions = [...this.#links.values()].map(positionOf);
    const hostOnly: string[] = [];
    let [haveIpv4, haveIpv6] = [false, false];
    for (const [i, link] of [...this.#links.values()].entries()) {
      const nic = { ...linkFields(link), addresses: publishedAddresses(link) };
      if (isHostOnly(positions[i]!, positions, exits)) {
        hostOnly.push(link.name);
        continue;
      }
      const cidrs = usable(nic);
      haveIpv4 ||= cidrs.some((it) => it.includes("."));
      haveIpv6 ||= cidrs.some((it) => it.includes(":"));
    }
    const online = routes.some((route) =>
      route !== null && route.source !== null && isRunning(this.#links.get(route.index) as Link)
    );
    const defaultRouteInterface = (this.#route("ipv4") ?? this.#route("ipv6"))?.interface ?? null;
    return factsText({ haveIpv4, haveIpv6, online, defaultRouteInterface }, hostOnly);
  }

  /** Applies a change. */
  apply(mutation: Mutation): void {
    const slot = "slot" in mutation ? mutation.slot : null;
    const link = slot === null ? undefined : this.#inSlot(slot);
    const before = link === undefined ? null : linkFields(link).name;
    if (mutation.do === "link-add") {
      if (link === undefined) this.#add(mutation.slot);
    } else if (mutation.do === "route-noise") {
      this.#listener.announced({ kind: "routes" }, "routes");
    } else if (mutation.do === "rule") {
      this.#rules[mutation.family] = mutation.slot;
      this.#changed(null, null);
      this.#listener.announced({ kind: "routes" }, "routes");
    } else if (link !== undefined && before !== null) {
      this.#applyToLink(link, before, mutation);
    }
  }

  #applyToLink(link: Link, name: string, mutation: Mutation): void {
    switch (mutation.do) {
      case "link-remove":
        return this.#remove(link, name);
      case "link-up":
        link.up = mutation.on;
        return this.#tellLink(link, name);
      case "carrier":
        link.carrier = mutation.on;
        return this.#tellLink(link, name);
      case "mtu":
        link.mtu = mutation.mtu;
        return this.#tellLink(link, name);
      case "master":
      case "parent": {
        const other = mutation.other === null ? null : this.#inSlot(mutation.other)?.index ?? null;
        link[mutation.do] = other;
        return this.#tellLink(link, name);
      }
      case "rename": {
        const wanted = SLOTS[link.slot]?.names[mutation.name];
        if (wanted === undefined || this.#texts.has(wanted)) return;
        link.name = wanted;
        return this.#tellLink(link, name);
      }
      case "link-again":
        return this.#listener.announced({ kind: "link", link: linkMessage(link) }, link.index);
      case "address-set":
        return this.#setAddress(link, mutation.spec, mutation.flags);
      case "address-again":
        if (link.addresses.has(mutation.spec)) this.#tellAddress(link, mutation.spec);
        return;
      case "address-hidden":
        if (ADDRESSES[mutation.spec]?.family !== "IPv6") return;
        if (link.addresses.has(mutation.spec) || ipv6Twin(link, mutation.spec) !== null) return;
        link.addresses.set(mutation.spec, IFA_DEFAULT.tentative);
        this.#changed(link, name);
        return this.#listener.silent(link.index);
      case "address-remove": {
        if (!link.addresses.has(mutation.spec)) return;
        const address = addressMessage(link, mutation.spec);
        link.addresses.delete(mutation.spec);
        this.#changed(link, name);
        return this.#listener.announced({ kind: "address-gone", address }, link.index);
      }
      default:
        return this.#applyToRoutes(link, mutation);
    }
  }

  #applyToRoutes(link: Link, mutation: Mutation): void {
    if (mutation.do === "route-remove") {
      if (!this.#routes[mutation.family].delete(link.index)) return;
    } else if (mutation.do === "route-set" || mutation.do === "route-silent") {
      const { gateway, metric } = mutation;
      this.#routes[mutation.family].set(link.index, { gateway, metric });
    } else {
      return;
    }
    this.#changed(null, null);
    if (mutation.do === "route-silent") this.#listener.silent("routes");
    else this.#listener.announced({ kind: "routes" }, "routes");
  }

  #add(slot: number): void {
    const made = SLOTS[slot];
    const name = made?.names.find((it) => !this.#texts.has(it));
    if (name === undefined) return;
    const index = ++this.#lastIndex;
    const at = { master: null, parent: null, addresses: new Map() };
    const link = { slot, index, name, up: true, carrier: true, mtu: 1500, ...at };
    this.#links.set(index, link);
    this.#tellLink(link, name);
  }

  /** Its ports and the links on top of it are announced first, as by netdev_upper_dev_unlink(). */
  #remove(link: Link, name: string): void {
    for (const other of this.#links.values()) {
      if (other.master !== link.index && other.parent !== link.index) continue;
      if (other.master === link.index) other.master = null;
      if (other.parent === link.index) other.parent = null;
      if (other !== link) this.#tellLink(other, other.name);
    }
    this.#links.delete(link.index);
    for (const routes of Object.values(this.#routes)) routes.delete(link.index);
    this.#changed(link, name);
    this.#listener.announced({ kind: "link-gone", index: link.index }, link.index);
  }

  #setAddress(link: Link, spec: number, flags: number): void {
    const twin = ipv6Twin(link, spec);
    if (twin !== null) {
      if (ADDRESSES[twin]?.prefixLength !== ADDRESSES[spec]?.prefixLength) return;
      link.addresses.delete(twin);
    }
    link.addresses.set(spec, flags);
    this.#changed(link, link.name);
    this.#tellAddress(link, spec);
  }

  #tellLink(link: Link, nameBefore: string): void {
    this.#changed(link, nameBefore);
    this.#listener.announced({ kind: "link", link: linkMessage(link) }, link.index);
  }

  #tellAddress(link: Link, spec: number): void {
    const address = addressMessage(link, spec);
    this.#listener.announced({ kind: "address", address }, link.index);
  }

  /** Adds the new versions to the history. */
  #changed(link: Link | null, nameBefore: string | null): void {
    const [revision, now] = [++this.revision, this.#now()];
    this.changedAt = now;
    const set = (key: string, text: string | null): void =>
      this.history.set(key, text, revision, now);
    if (link !== null && nameBefore !== null) {
      const alive = this.#links.has(link.index);
      const fields = linkFields(link);
      const text = makeRecordText(fields, alive ? publishedAddresses(link) : []);
      if (!alive || fields.name !== nameBefore) {
        this.#texts.delete(nameBefore);
        set(`name:${nameBefore}`, null);
      }
      if (alive) {
        this.#texts.set(fields.name, text);
        set(`name:${fields.name}`, text.whole);
      }
      set(`link:${link.index}`, alive ? text.link : null);
      for (const key of this.history.keys(`address:${link.index}:`)) {
        if (!text.addresses.has(key.slice(key.indexOf(":", 8) + 1))) set(key, null);
      }
      for (const [cidr, it] of text.addresses) set(`address:${link.index}:${cidr}`, it);
      for (const spec of link.addresses.keys()) {
        const address = publishedAddress(link, spec);
        const it = addressText(address);
        if (text.addresses.get(address.cidr) === it) continue;
        this.history.cover(`address:${link.index}:${address.cidr}`, it);
      }
    }
    for (const family of ["ipv4", "ipv6"] as const) {
      set(`route:${family}`, routeText(this.#route(family)));
      set(`via:${family}`, viaText(this.#route(family)));
    }
  }

  #route(family: Family): DefaultRoute | null {
    const way = this.routeOf(family);
    if (way === null) return null;
    const { index, ...rest } = way;
    return { ...rest, interface: (this.#links.get(index) as Link).name };
  }

  #inSlot(slot: number): Link | undefined {
    for (const link of this.#links.values()) if (link.slot === slot) return link;
    return undefined;
  }
}

/** An interface has an IPv6 address only once: the peer of the address can change, its prefix length cannot. */
function ipv6Twin(link: Link, spec: number): number | null {
  const wanted = ADDRESSES[spec];
  if (wanted?.family !== "IPv6") return null;
  for (const other of link.addresses.keys()) {
    if (other !== spec && ADDRESSES[other]?.text === wanted.text) return other;
  }
  return null;
}
