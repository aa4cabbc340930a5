/**
 * Uploads a Blob of 64 MiB with `createFetch()`, and prints how many MiB of memory are in use more than before, when the
 * server has received it. Run with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { createFetch } from "../../../actor/fetch.ts";
import { ManualClock, ScriptedSource } from "../../../actor/testing.ts";
import { NetworkMonitor } from "../../../mod.ts";

const MIB = 1 << 20;
const COUNT = 64;

declare const gc: () => void;

function used(): number {
  gc();
  return Deno.memoryUsage().external / MIB;
}

const clock = new ManualClock();
await using monitor = await NetworkMonitor.open({ source: new ScriptedSource(), clock });
await using fetch = createFetch(monitor, { clock });
const blob = new Blob(Array<Uint8Array<ArrayBuffer>>(COUNT).fill(new Uint8Array(MIB)));
using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const before = used();
const { port } = listener.addr;
const fetching = fetch(`http://127.0.0.1:${port}`, { method: "PUT", body: blob });
using connection = await listener.accept();
const buffer = new Uint8Array(MIB);
for (let received = 0; received < COUNT * MIB;) received += await connection.read(buffer) ?? 0;
console.log(used() - before);
await connection.write(new TextEncoder().encode("HTTP/1.1 204 No Content\r\n\r\n"));
await fetching;
