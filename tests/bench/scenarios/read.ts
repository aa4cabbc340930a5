/**
 * One-shot reads while no monitor is open.
 *
 * @module
 */
import { growNetwork, setUpNetwork } from "../network.ts";
import type { Peer } from "../peers.ts";
import { parsePeerReport } from "../peer_report.ts";
import type { Bench, Scenario } from "../scenario.ts";

export const read: Scenario = {
  name: "read",
  title: "a one-shot read, nothing open",
  async run(bench) {
    let count = 10;
    await setUpNetwork(count);
    for (const size of bench.quick ? [10, 500] : [10, 500, 2_000]) {
      bench.progress(`read: making ${size} interfaces`);
      await growNetwork(count, size);
      count = size;
      await measureReads(bench, `read ${size}`, bench.peers);
    }
  },
};

/** Measures the reads of the programs that have such. */
async function measureReads(
  bench: Bench,
  scenario: string,
  peers: readonly Peer[],
): Promise<void> {
  const readers = peers.filter((peer) => peer.read !== undefined);
  await bench.interleave(scenario, readers, (peer) => measureRead(bench, scenario, peer));
}

/** Measures the reads of one program in one round. */
export async function measureRead(
  bench: Bench,
  scenario: string,
  { name, read }: Peer,
): Promise<void> {
  const [file, ...args] = read!;
  const { stdout } = await new Deno.Command(file!, { args }).output();
  const { values } = parsePeerReport(new TextDecoder().decode(stdout));
  bench.record(scenario, name, {
    firstMs: values.first!,
    warmMs: values.warm!,
    ...values.import === undefined ? {} : { importMs: values.import },
  });
}
