/**
 * What `openSource()` does with an option `libc` that names the wrong C library.
 *
 * @module
 */
import { assertRejects } from "@std/assert";
import { ManualClock } from "../../actor/testing.ts";
import { openSource } from "../../ffi/open.ts";

for (const source of ["auto", "events"] as const) {
  for (const state of ["granted", "prompt"] as const) {
    Deno.test({
      name: `openSource() refuses musl with source ${source} if polling is ${state}`,
      ignore: Deno.build.os !== "linux" || !Deno.build.target.endsWith("-gnu"),
      async fn() {
        const { querySync } = Deno.permissions;
        Deno.permissions.querySync = (() => ({ state })) as unknown as typeof querySync;
        try {
          await assertRejects(
            () =>
              openSource({
                source,
                libc: `/lib/ld-musl-${Deno.build.arch}.so.1`,
                pollingIntervalMs: 1_000,
                clock: new ManualClock(),
                listens: true,
              }, () => Promise.resolve()),
            TypeError,
            "The option libc names musl",
          );
        } finally {
          Deno.permissions.querySync = querySync;
        }
      },
    });
  }
}
