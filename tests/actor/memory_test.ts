/**
 * What snapshots that nobody reads leave behind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { runDenoOk } from "../support/run.ts";
import { read, run, skippable } from "../support/skip.ts";

// a channel that nobody reads blocks the sender or overflows (vishvananda/netlink#773, pyroute2#1034)
skippable({
  name: "100000 snapshots that two readers do not read take no memory; then both read the newest",
  needs: [read, run],
  async fn() {
    const program = "tests/support/programs/slow_readers.ts";
    const { stdout } = await runDenoOk(["run", "--v8-flags=--expose-gc", program]);
    const { bytes, current, sequences } = JSON.parse(stdout);
    assert(bytes < 200, `${bytes} bytes are left of each`);
    assertEquals(sequences, [current, current]);
  },
});
