/**
 * Asks a server every few seconds and survives each change of the network: a request that hangs on a dead
 * connection is sent again at once, and none is sent while the machine is offline (denoland/deno#36542).
 *
 * `deno run --allow-ffi --allow-net examples/fetch_loop.ts https://example.com/ 5`
 *
 * @module
 */
import { NetworkMonitor } from "@netwatch/netwatch";
import { createFetch } from "@netwatch/netwatch/fetch";
import { delay } from "@std/async/delay";

const [url = "", seconds = "5"] = Deno.args;
if (!URL.canParse(url)) throw new TypeError(`Not the URL of a server: '${url}'`);
if (!(Number(seconds) > 0)) throw new TypeError(`Not a number of seconds: ${seconds}`);

await using monitor = await NetworkMonitor.open();
await using survivor = createFetch(monitor, { waitUntilOnline: true });

for (;;) {
  try {
    const response = await survivor(url);
    console.log(response.status, (await response.text()).length, "characters");
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    console.log("Failed:", error instanceof Error ? error.message : error);
  }
  await delay(Number(seconds) * 1_000);
}
