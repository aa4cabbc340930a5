/**
 * A monitor on a scripted source and a manual clock, and what it logged.
 *
 * @module
 */
import {
  ManualClock,
  scriptedInterface,
  ScriptedSource,
  type ScriptedSourceOptions,
} from "../../actor/testing.ts";
import { type MonitorOptions, NetworkMonitor } from "../../mod.ts";
import type { Interface, Snapshot } from "../../state/types.ts";

// No jitter in the backoff of these tests.
Math.random = () => 0;

/** The wall clock at the start of a test. */
export const START = 1_700_000_000_000;

/** A logger that keeps its lines. */
export class Log {
  readonly lines: { level: "debug" | "info" | "warn" | "error"; message: string }[] = [];
  debug(message: string): void {
    this.lines.push({ level: "debug", message });
  }
  info(message: string): void {
    this.lines.push({ level: "info", message });
  }
  warn(message: string): void {
    this.lines.push({ level: "warn", message });
  }
  error(message: string): void {
    this.lines.push({ level: "error", message });
  }
  /** The messages of a level. */
  at(level: "debug" | "info" | "warn" | "error"): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }
}

/** What `setUp()` takes. */
export interface SetUpOptions {
  source?: ScriptedSourceOptions;
  monitor?: Omit<MonitorOptions, "source" | "clock">;
}

/** What a test needs before it opens the monitor. */
export interface Setting {
  clock: ManualClock;
  source: ScriptedSource;
  log: Log;
  /** Opens the monitor. */
  open: () => Promise<NetworkMonitor>;
}

/** A scripted source with eth0 at 192.0.2.1/24, a manual clock and a log; nothing is open yet. */
export function prepare(options: SetUpOptions = {}): Setting {
  const clock = new ManualClock({ now: START });
  const source = new ScriptedSource({ interfaces: [eth0("192.0.2.1/24")], ...options.source });
  const log = new Log();
  return {
    clock,
    source,
    log,
    open: () => NetworkMonitor.open({ logger: log, ...options.monitor, source, clock }),
  };
}

/** The same with an open monitor whose first window is over. */
export async function setUp(
  options: SetUpOptions = {},
): Promise<Setting & AsyncDisposable & { monitor: NetworkMonitor }> {
  const setting = prepare(options);
  const monitor = await setting.open();
  await setting.clock.advance(resolvedWindow(options));
  return { ...setting, monitor, [Symbol.asyncDispose]: () => monitor.close() };
}

/** eth0 with these addresses. */
export function eth0(...addresses: string[]): Interface {
  return scriptedInterface("eth0", addresses);
}

/** Another interface with these addresses; its index follows from the number in its name. */
export function nic(name: string, ...addresses: string[]): Interface {
  return scriptedInterface(name, addresses, { index: 10 + Number(/\d+$/.exec(name)?.[0] ?? 0) });
}

/** All snapshots that are published, from the current one on. */
export function record(monitor: Pick<NetworkMonitor, "current" | "waitFor">): Snapshot[] {
  const seen: Snapshot[] = [];
  const watch = (): void => {
    monitor.waitFor(() => {
      if (seen.at(-1) !== monitor.current) seen.push(monitor.current);
      return false;
    }).catch(() => {});
  };
  watch();
  return seen;
}

/** The addresses that a snapshot shows. */
export function addresses(snapshot: Snapshot): readonly string[] {
  return snapshot.state.localAddresses.regular;
}

/** A setting whose monitor is open. */
export type OpenSetting = Awaited<ReturnType<typeof setUp>>;

/** eth0 gets another address, other interfaces come, and the window passes. */
export function publish(it: OpenSetting, address: string, ...more: Interface[]): Promise<void> {
  it.source.set([eth0(address), ...more]);
  it.source.announce();
  return it.clock.advance(250);
}

/** What the network has on eth0 from now on, and for how many milliseconds. */
export async function hold(it: OpenSetting, address: string, ms: number): Promise<void> {
  it.source.set([eth0(address)]);
  it.source.announce();
  await it.clock.advance(ms);
}

/** The result of a read that needs no time; null while it waits. */
export async function poll(
  it: OpenSetting,
  reading: Promise<{ value?: Snapshot | undefined }>,
): Promise<Snapshot | null> {
  let got: Snapshot | null = null;
  void reading.then(({ value }) => got = value ?? null);
  await it.clock.settle();
  return got;
}

function resolvedWindow(options: SetUpOptions): number {
  return options.monitor?.coalesceMs ?? 250;
}
