/**
 * An HTTP server in a network namespace of its own, at the far end of `eth0`; see `two_networks.ts`. Run it with
 * `unshare -n`. It prints its process id, waits until the link `peer0` was moved to it, and prints "ready".
 *
 * - `/first?ID` is not answered the first time, and at once from then on.
 * - `/slow?ID` is answered after 100 ms.
 * - `/body` is answered with half a body.
 * - `/counts` is how often each other request came, by method and URL.
 *
 * @module
 */
const counts: Record<string, number> = {};

async function answer(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  if (pathname === "/counts") return Response.json(counts);
  const key = `${request.method} ${pathname}${search}`;
  counts[key] = (counts[key] ?? 0) + 1;
  if (pathname === "/body") return new Response(half());
  if (pathname === "/first" && counts[key] === 1) await new Promise(() => {});
  if (pathname === "/slow") await new Promise((resolve) => setTimeout(resolve, 100));
  return new Response(key);
}

function half(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("half")),
  });
}

async function ip(...commands: string[]): Promise<boolean> {
  for (const command of commands) {
    const { success } = await new Deno.Command("ip", { args: command.split(" ") }).output();
    if (!success) return false;
  }
  return true;
}

console.log(`pid ${Deno.pid}`);
while (!await ip("link set peer0 up")) await new Promise((resolve) => setTimeout(resolve, 20));
await ip("link set lo up", "addr add 10.0.0.1/16 dev peer0", "addr add 192.0.2.80/32 dev lo");
Deno.serve({ hostname: "192.0.2.80", port: 8000, onListen: () => console.log("ready") }, answer);
