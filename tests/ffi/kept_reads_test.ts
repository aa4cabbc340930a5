/**
 * What the sources of all systems keep of reads that have ended.
 *
 * @module
 */
import { assertMatch } from "@std/assert";
import { runDenoOk } from "../support/run.ts";
import { ffi, read, run, skippable } from "../support/skip.ts";

skippable({
  name: "a source keeps nothing of its reads, so that they are collected as garbage",
  needs: ["linux", ffi, read, run],
  async fn() {
    const program = "tests/support/programs/kept_reads.ts";
    const flags = ["--allow-ffi", "--v8-flags=--expose-gc"];
    const { stdout } = await runDenoOk(["run", ...flags, program]);
    assertMatch(stdout, /^netlink [01]\naf_route [01]\niphlpapi [01]\n$/); // of 20
  },
});
