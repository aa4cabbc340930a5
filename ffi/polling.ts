// The fallback without FFI: polls `Deno.networkInterfaces()`, which reports only names and addresses and
// leaves out interfaces without an address.
import type { NetworkSource, Reading, SourceEvent, Subscription } from "../state/ports.ts";
import { isLinkLocal, parseIp } from "../state/ip.ts";
import { interfaceByName } from "../state/interface_name.ts";
import { makeAddress } from "../state/normalize.ts";
import type { Address, Interface } from "../state/types.ts";
import type { OpenSourceOptions } from "./open.ts";

type PollingOptions = Pick<OpenSourceOptions, "pollingIntervalMs" | "clock">;

/** A source that polls instead of listening. Needs `--allow-sys=networkInterfaces`. */
export function pollingSource({ clock, pollingIntervalMs }: PollingOptions): NetworkSource {
  // deno-lint-ignore require-await
  const read = async (signal: AbortSignal): Promise<Reading> => {
    signal.throwIfAborted();
    return poll();
  };
  /** Polls now, then at every interval. There is no table: every view reads the system. */
  const subscribe = async (signal: AbortSignal): Promise<Subscription> => {
    let last = JSON.stringify(await read(signal));
    let news = Promise.withResolvers<void>();
    let end: { error: unknown } | null = null;
    const stop = (error: unknown): void => {
      end ??= { error };
      timer.cancel();
      news.resolve();
    };
    let restUntil = -Infinity; // three quarters of the time are the program's, whatever the interval
    const timer = clock.setInterval(() => {
      const since = clock.monotonic();
      if (since < restUntil) return;
      try {
        const now = JSON.stringify(poll());
        if (now !== last) news.resolve();
        last = now;
      } catch (error) {
        stop(error);
      }
      restUntil = clock.monotonic() + 3 * (clock.monotonic() - since);
    }, pollingIntervalMs);
    return {
      async *[Symbol.asyncIterator](): AsyncGenerator<SourceEvent, void> {
        for (;;) {
          await news.promise;
          if (end?.error) throw end.error;
          if (end !== null) return;
          news = Promise.withResolvers();
          yield { kind: "changed" };
        }
      },
      view: poll,
      adopt: () => {},
      probe: () => Promise.resolve(true),
      ref: () => timer.ref(),
      unref: () => timer.unref(),
      [Symbol.asyncDispose]: () => Promise.resolve(stop(null)),
    };
  };
  return { name: "polling", read, subscribe };
}

/** Polls now, with neutral values for the fields that the result lacks. */
function poll(): Reading {
  const interfaces = new Map<string, Interface & { addresses: Address[] }>();
  for (const info of Deno.networkInterfaces()) {
    // getifaddrs() returns IPv4 labels such as "eth0:1" instead of the name, which has no colon itself.
    const name = info.name.split(":", 1)[0] || info.name;
    const nic = interfaces.get(name) ??
      { ...interfaceByName(name, { mac: info.mac }), addresses: [] };
    interfaces.set(name, nic);
    const bytes = parseIp(info.address);
    const prefixLength = Number(info.cidr.split("/")[1]);
    if (bytes === null || !Number.isInteger(prefixLength)) continue;
    const scopeId = isLinkLocal(bytes) ? info.scopeid : null;
    nic.addresses.push(makeAddress(bytes, { prefixLength, scopeId }));
  }
  return {
    interfaces: [...interfaces.values()],
    defaultRoute: { ipv4: null, ipv6: null },
    knows: { links: false, addressFlags: false, routes: false },
  };
}
