/**
 * The package with a scripted network in place of the real one, for programs that open their own monitor. Each line
 * on standard input is the name of a scene, or of one of the changes below; the next line waits until it is
 * published.
 *
 * @module
 */
import {
  homeNetwork,
  ManualClock,
  type Scene,
  scenes,
  scriptedInterface,
  ScriptedSource,
} from "../../actor/testing.ts";
import { type MonitorOptions, NetworkMonitor as RealMonitor } from "../../mod.ts";

export * from "../../mod.ts";

const source = new ScriptedSource(homeNetwork);

const CHANGES: Readonly<Record<string, Scene>> = {
  ...scenes,
  /** The machine sleeps, but not long enough for connections to die. */
  nap: (source, clock) => Promise.resolve(source.sleep(1_000, clock)),
  /** A second interface has an address. */
  cable: (source) =>
    Promise.resolve(source.addInterface(scriptedInterface("eth0", ["10.0.0.7/8"]))),
};

/** A monitor of the scripted network. */
export const NetworkMonitor = {
  async open(options?: MonitorOptions): Promise<RealMonitor> {
    const monitor = await RealMonitor.open({ ...options, source });
    void play(monitor);
    return monitor;
  },
};

/** The clock of the scenes is not the monitor's: they change the network without a pause. */
async function play(monitor: RealMonitor): Promise<void> {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const text of lines) {
    for (const name of text.split("\n").filter(Boolean)) {
      await CHANGES[name]!(source, new ManualClock({ now: Date.now() }));
      await monitor.refresh();
    }
  }
}
