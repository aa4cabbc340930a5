// The fallback without FFI: polls `Deno.networkInterfaces()`, which knows names and addresses only and
// leaves out interfaces without an address.
import type {
  Clock,
  NetworkSource,
  Reading,
  SourceEvent,
  Subscription,
  Timer,
} from "../state/ports.ts";
import { isLinkLocal, parseIp } from "../state/ip.ts";
import { hostOnlyByName, kindByName } from "../state/interface_name.ts";
import { makeAddress } from "../state/normalize.ts";
import type { Address, Interface } from "../state/types.ts";

const KNOWS: Reading["knows"] = Object.freeze({ links: false, addressFlags: false, routes: false });

/** How to poll. */
interface PollingSourceOptions {
  intervalMs: number; // milliseconds between two polls
  clock: Clock; // where the timer comes from
  networkInterfaces?: () => Deno.NetworkInterfaceInfo[]; // what is polled; else `Deno.networkInterfaces()`
}

/** A source that polls instead of listening. Needs `--allow-sys=networkInterfaces`. */
export class PollingSource implements NetworkSource {
  readonly name = "polling";
  readonly #options: PollingSourceOptions;

  constructor(options: PollingSourceOptions) {
    this.#options = options;
  }

  /** Polls now, then at every interval. */
  async subscribe(signal: AbortSignal): Promise<Subscription> {
    return new PollingSubscription(await this.read(signal), () => this.#poll(), this.#options);
  }

  /** Polls now. Throws NotCapable if the permission is missing. */
  // deno-lint-ignore require-await
  async read(signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted();
    return this.#poll();
  }

  #poll(): Reading {
    const { networkInterfaces = Deno.networkInterfaces } = this.#options;
    return readingOf(networkInterfaces());
  }
}

class PollingSubscription implements Subscription {
  readonly #poll: () => Reading;
  readonly #timer: Timer;
  /** Resolves to true when something changed, to false when the subscription is disposed. */
  #changed = Promise.withResolvers<boolean>();
  #last: string;

  constructor(first: Reading, poll: () => Reading, { clock, intervalMs }: PollingSourceOptions) {
    this.#poll = poll;
    this.#last = JSON.stringify(first);
    this.#timer = clock.setInterval(() => this.#tick(), intervalMs);
    this.#changed.promise.catch(() => {}); // reported by the iteration
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void> {
    while (await this.#changed.promise) {
      this.#changed = Promise.withResolvers();
      yield { kind: "changed" };
    }
  }

  view(): Reading {
    return this.#poll();
  }

  adopt(): void {
    // There is no table: every view reads the system.
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
    this.#changed.resolve(false);
    return Promise.resolve();
  }

  #tick(): void {
    try {
      const last = JSON.stringify(this.#poll());
      if (last === this.#last) return;
      this.#last = last;
      this.#changed.resolve(true);
    } catch (error) {
      this.#timer.cancel();
      this.#changed.reject(error);
    }
  }
}

/** Converts a poll, with neutral values for what it does not tell. */
function readingOf(infos: readonly Deno.NetworkInterfaceInfo[]): Reading {
  const interfaces = new Map<string, Interface & { addresses: Address[] }>();
  for (const info of infos) {
    // getifaddrs() returns IPv4 labels such as "eth0:1" instead of the name, which has no colon itself.
    const name = info.name.split(":", 1)[0] || info.name;
    const kind = kindByName(name);
    const nic = interfaces.get(name) ?? {
      name,
      index: 0,
      kind,
      up: true,
      running: true,
      hostOnly: hostOnlyByName(kind, name),
      flags: 0,
      mac: info.mac,
      mtu: 0,
      addresses: [],
    };
    interfaces.set(name, nic);
    const address = addressOf(info);
    if (address !== null) nic.addresses.push(address);
  }
  return {
    interfaces: [...interfaces.values()],
    defaultRoute: { ipv4: null, ipv6: null },
    knows: KNOWS,
  };
}

function addressOf(info: Deno.NetworkInterfaceInfo): Address | null {
  const bytes = parseIp(info.address);
  const prefixLength = Number(info.cidr.split("/")[1]);
  if (bytes === null || !Number.isInteger(prefixLength)) return null;
  const linkLocal = info.family === "IPv6" && isLinkLocal(bytes);
  const scopeId = linkLocal ? info.scopeid ?? null : null;
  return makeAddress(bytes, { prefixLength, scopeId });
}
