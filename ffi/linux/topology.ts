// Which links sit on hardware, kept up to date link by link.

import type { InterfaceKind } from "../../state/types.ts";

/** What one link says about itself. */
interface Position {
  readonly isPhysical: boolean;
  readonly isTunnel: boolean; // one that is up
  readonly master: number | null;
  readonly parent: number | null;
}

/**
 * A link sits on hardware if it is physical, if a port of it (bridge, bond, VRF) does, or if its parent does
 * (VLAN, macvlan), however many levels down. The search begins at the physical links, so it visits what sits on
 * them and not the 10,000 veths beside them.
 */
export class Topology {
  readonly #positions = new Map<number, Position>();
  readonly #physical = new Set<number>();
  readonly #tunnels = new Set<number>();
  readonly #children = new Map<number, Set<number>>(); // by parent
  #onHardware: ReadonlySet<number> = new Set();
  #isContainer = true;
  #isStale = false;

  /** A link was added or changed. Its parent is null if that is in another namespace. */
  set(
    index: number,
    kind: InterfaceKind,
    isUp: boolean,
    master: number | null,
    parent: number | null,
  ): void {
    const known = this.#positions.get(index);
    const isPhysical = kind === "ethernet" || kind === "wifi" || kind === "cellular";
    const isTunnel = kind === "tunnel" && isUp;
    if (
      known?.isPhysical === isPhysical && known.isTunnel === isTunnel && known.master === master &&
      known.parent === parent
    ) return;
    if (known !== undefined) this.delete(index);
    this.#positions.set(index, { isPhysical, isTunnel, master, parent });
    if (isPhysical) this.#physical.add(index);
    if (isTunnel) this.#tunnels.add(index);
    if (parent !== null) this.#addChild(parent, index);
    this.#isStale = true;
  }

  /** A link was removed. */
  delete(index: number): void {
    const known = this.#positions.get(index);
    if (known === undefined) return;
    this.#positions.delete(index);
    this.#physical.delete(index);
    this.#tunnels.delete(index);
    if (known.parent !== null) this.#removeChild(known.parent, index);
    this.#isStale = true;
  }

  /**
   * Whether a bridge or virtual link led out of the host at the last `update()`: it sits on hardware, or there
   * is neither hardware nor a tunnel that is up, as in a container. The state has the same rule: applied here,
   * it need not copy the interfaces of a container.
   */
  leadsOut(index: number): boolean {
    return this.#isContainer || this.#onHardware.has(index);
  }

  /** Searches anew if something changed. Returns the links whose answer differs now. */
  update(): readonly number[] {
    if (!this.#isStale) return [];
    this.#isStale = false;
    const before = this.#onHardware;
    const found = new Set(this.#physical);
    for (const index of found) { // grows while it is walked; each link once, whatever loops there are
      const position = this.#positions.get(index);
      if (position === undefined) continue;
      if (position.master !== null) found.add(position.master);
      for (const child of this.#children.get(index) ?? []) found.add(child);
    }
    this.#onHardware = found;
    const wasContainer = this.#isContainer;
    this.#isContainer = this.#physical.size === 0 && this.#tunnels.size === 0;
    if (wasContainer !== this.#isContainer) return [...this.#positions.keys()];
    return [...found.symmetricDifference(before)];
  }

  #addChild(parent: number, index: number): void {
    const children = this.#children.get(parent);
    if (children === undefined) this.#children.set(parent, new Set([index]));
    else children.add(index);
  }

  #removeChild(parent: number, index: number): void {
    const children = this.#children.get(parent);
    children?.delete(index);
    if (children?.size === 0) this.#children.delete(parent);
  }
}
