/**
 * Uploads files, and holds them back while the machine is offline. A PUT that the network interrupts is sent
 * again: `createFetch()` repeats what is safe to repeat.
 *
 * `deno run --allow-ffi --allow-net --allow-read examples/upload.ts https://example.com/files/ *.jpg`
 *
 * @module
 */
import { NetworkMonitor } from "@netwatch/netwatch";
import { createFetch } from "@netwatch/netwatch/fetch";

const [folder = "", ...paths] = Deno.args;
if (!URL.canParse(folder)) throw new TypeError(`Not the URL of a folder: '${folder}'`);
if (paths.length === 0) throw new TypeError("The files to upload are missing");
const url = folder.replace(/\/?$/, "/");

await using monitor = await NetworkMonitor.open();
await using survivor = createFetch(monitor, { waitUntilOnline: true });

for (const path of paths) {
  if (monitor.current.state.online === false) console.log(`Holding ${path} back`);
  const name = encodeURIComponent(path.split(/[/\\]/).at(-1) ?? path);
  const response = await survivor(url + name, { method: "PUT", body: await Deno.readFile(path) });
  await response.body?.cancel();
  console.log(`${path}: ${response.status}`);
  if (!response.ok) Deno.exitCode = 1;
}
