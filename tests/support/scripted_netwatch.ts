/**
 * The package with a scripted network in place of the real one, for programs that open their own monitor. Each line
 * on standard input is the name of a scene, which is played in real time.
 *
 * @module
 */
import {
  homeNetwork,
  ManualClock,
  type SceneName,
  scenes,
  ScriptedSource,
} from "../../actor/testing.ts";
import { type MonitorOptions, NetworkMonitor as RealMonitor } from "../../mod.ts";

export * from "../../mod.ts";

const source = new ScriptedSource(homeNetwork);

/** A monitor of the scripted network. */
export const NetworkMonitor = {
  open(options?: MonitorOptions): Promise<RealMonitor> {
    void playScenes();
    return RealMonitor.open({ ...options, source });
  },
};

/** The clock of the scenes is not the monitor's: they change the network without a pause. */
async function playScenes(): Promise<void> {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const text of lines) {
    for (const name of text.split("\n").filter(Boolean)) {
      await scenes[name as SceneName](source, new ManualClock({ now: Date.now() }));
    }
  }
}
