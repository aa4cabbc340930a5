/**
 * The fallback without FFI: `Deno.networkInterfaces()` asked again and again. It knows names and
 * addresses only, and shows no interface without an address.
 *
 * @module
 */
import type { Clock, Timer } from "../state/runtime.ts";
import { isLinkLocal, parseIp } from "../state/ip.ts";
import { kindByName } from "../state/interface_kind.ts";
import type { NetworkSource, Reading, SourceEvent, Subscription } from "../state/source.ts";
import type { Address, Interface } from "../state/types.ts";
import { Mailbox } from "./mailbox.ts";

const KNOWS: Reading["knows"] = Object.freeze({ links: false, addressFlags: false, routes: false });

/** How to poll. */
export interface PollingSourceOptions {
  /** Milliseconds between two looks. */
  intervalMs: number;
  /** Where the timer comes from. */
  clock: Clock;
  /** What is asked; left out, `Deno.networkInterfaces()`. */
  networkInterfaces?: () => Deno.NetworkInterfaceInfo[];
}

/** A source that looks instead of listening. Needs `--allow-sys=networkInterfaces`. */
export class PollingSource implements NetworkSource {
  /** Always this. */
  readonly name = "polling";
  readonly #options: PollingSourceOptions;

  /** Nothing is asked before `subscribe()` or `read()`. */
  constructor(options: PollingSourceOptions) {
    this.#options = options;
  }

  /** Looks at once, then every interval. */
  // deno-lint-ignore require-await
  async subscribe(signal: AbortSignal): Promise<Subscription> {
    signal.throwIfAborted();
    return new PollingSubscription(() => this.#look(), this.#options);
  }

  /**
   * Looks now.
   *
   * @throws {Deno.errors.NotCapable} without the permission
   */
  // deno-lint-ignore require-await
  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    return this.#look();
  }

  #look(): Reading {
    const ask = this.#options.networkInterfaces ?? Deno.networkInterfaces;
    return readingOf(ask());
  }
}

class PollingSubscription implements Subscription {
  readonly #look: () => Reading;
  readonly #mailbox = new Mailbox();
  readonly #timer: Timer;
  #seen: string;

  constructor(look: () => Reading, { clock, intervalMs }: PollingSourceOptions) {
    this.#look = look;
    this.#seen = JSON.stringify(look());
    this.#timer = clock.setInterval(() => this.#tick(), intervalMs);
  }

  [Symbol.asyncIterator](): AsyncIterator<SourceEvent> {
    return this.#mailbox[Symbol.asyncIterator]();
  }

  view(): Reading {
    return this.#look();
  }

  adopt(): void {
    // There is no table: every view is the truth.
  }

  probe(): Promise<boolean> {
    return Promise.resolve(true);
  }

  ref(): void {
    this.#timer.ref();
  }

  unref(): void {
    this.#timer.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#timer.cancel();
    this.#mailbox.close();
    return Promise.resolve();
  }

  #tick(): void {
    try {
      const seen = JSON.stringify(this.#look());
      if (seen === this.#seen) return;
      this.#seen = seen;
      this.#mailbox.post({ kind: "changed" });
    } catch (error) {
      this.#timer.cancel();
      this.#mailbox.fail(error);
    }
  }
}

/** What the look says, with neutral values for what it does not. */
function readingOf(infos: readonly Deno.NetworkInterfaceInfo[]): Reading {
  const interfaces = new Map<string, Interface & { addresses: Address[] }>();
  for (const info of infos) {
    // getifaddrs() puts IPv4 labels such as "eth0:1" in place of the name, which itself has no colon.
    const name = info.name.split(":", 1)[0] || info.name;
    let nic = interfaces.get(name);
    if (nic === undefined) interfaces.set(name, nic = neutralInterface(name, info.mac));
    const address = addressOf(info);
    if (address !== null) nic.addresses.push(address);
  }
  return {
    interfaces: [...interfaces.values()],
    defaultRoute: { ipv4: null, ipv6: null },
    knows: KNOWS,
  };
}

function neutralInterface(name: string, mac: string): Interface & { addresses: Address[] } {
  return {
    name,
    index: 0,
    kind: kindByName(name),
    up: true,
    running: true,
    flags: 0,
    mac,
    mtu: 0,
    addresses: [],
  };
}

function addressOf(info: Deno.NetworkInterfaceInfo): Address | null {
  const bytes = parseIp(info.address);
  const prefixLength = Number(info.cidr.split("/")[1]);
  if (bytes === null || !Number.isInteger(prefixLength)) return null;
  const linkLocal = info.family === "IPv6" && isLinkLocal(bytes);
  return {
    family: info.family,
    address: info.address,
    prefixLength,
    cidr: info.cidr,
    peer: null,
    scopeId: linkLocal ? info.scopeid ?? null : null,
    tentative: false,
    duplicated: false,
    deprecated: false,
    temporary: false,
    permanent: false,
  };
}
