/**
 * Programs that end, or do not. The argument says which; each prints "ready" when only its monitor could
 * still keep it alive.
 *
 * @module
 */
import { NetworkMonitor } from "../../../mod.ts";

const PROGRAMS: Record<string, () => Promise<void>> = {
  async none() {},

  async unpersistent() {
    await NetworkMonitor.open({ source: "events", persistent: false });
  },

  async "unref'd"() {
    const monitor = await NetworkMonitor.open({ source: "events" });
    // The long poll is under way by then.
    await new Promise((resolve) => setTimeout(resolve, 20));
    monitor.unref();
  },

  async closed() {
    const monitor = await NetworkMonitor.open({ source: "events" });
    await monitor.close();
  },

  async "closed while unref'd"() {
    const monitor = await NetworkMonitor.open({ source: "events", persistent: false });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await monitor.close();
  },

  async "one of two unref'd"() {
    await NetworkMonitor.open({ source: "events", reconcileIntervalMs: Infinity });
    await NetworkMonitor.open({ source: "events", persistent: false });
  },

  async persistent() {
    await NetworkMonitor.open({ source: "events", reconcileIntervalMs: Infinity });
  },

  async "ref'd again"() {
    const options = { source: "events", persistent: false, reconcileIntervalMs: Infinity } as const;
    const monitor = await NetworkMonitor.open(options);
    await new Promise((resolve) => setTimeout(resolve, 20));
    monitor.ref();
  },

  /** The poll has just returned and the next one has not begun. */
  async "ref'd by an event"() {
    const options = { source: "events", persistent: false, reconcileIntervalMs: Infinity } as const;
    const monitor = await NetworkMonitor.open(options);
    const other = setTimeout(() => {}, 10_000);
    new Deno.Command("ip", { args: ["link", "set", "lo", "up"] }).spawn().unref();
    await monitor.waitFor(({ interfaces }) => interfaces["lo"]?.up === true);
    monitor.ref();
    clearTimeout(other);
  },
};

PROGRAMS[Deno.args[0]!]!().then(() => console.log("ready"));
