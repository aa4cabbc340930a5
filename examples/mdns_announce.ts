/**
 * Announces a host name by mDNS (RFC 6762) on each interface. When an address appears, it joins the multicast group
 * there and announces; when the address goes, it leaves: a membership ends with its interface, without notice. Ctrl-C
 * withdraws the name. It does not check whether another host has that name.
 *
 * `deno run --allow-ffi --allow-net --unstable-net examples/mdns_announce.ts printer`
 *
 * @module
 */
import { NetworkMonitor, usableAddresses } from "@netwatch/netwatch";
import { retry } from "@std/async/retry";

const [name = "netwatch"] = Deno.args;
if (!/^[a-z\d][a-z\d-]{0,62}$/i.test(name)) {
  throw new TypeError(`Not a host name of one label: '${name}'`);
}
const GROUP = "224.0.0.251";
const PORT = 5353;
const SECOND_ANNOUNCEMENT_MS = 1_000; // RFC 6762 section 8.3
const LIFETIME_SECONDS = 120; // section 10
const SIGNALS: Deno.Signal[] = ["SIGINT", Deno.build.os === "windows" ? "SIGBREAK" : "SIGTERM"];

/** The sockets of each address. */
const sockets = new Map<string, Deno.DatagramConn[]>();

const interrupted = new AbortController();
for (const name of SIGNALS) Deno.addSignalListener(name, interrupt);

await using monitor = await NetworkMonitor.open();
const { signal } = interrupted;
for await (const { state } of monitor.snapshots({ settleMs: 200, signal })) {
  const addresses = new Set(usableAddresses(state, { family: "IPv4" }).map((one) => one.address));
  for (const address of sockets.keys()) if (!addresses.has(address)) leave(address);
  for (const address of addresses) {
    if (!sockets.has(address)) await join(address).catch(report); // it may be gone again
  }
}
for (const [address, [sender]] of sockets) {
  await announce(sender!, address, 0); // a goodbye (section 10.1)
  close(address);
}

/** A second Ctrl-C kills the program, as without listeners. */
function interrupt(): void {
  for (const name of SIGNALS) Deno.removeSignalListener(name, interrupt);
  interrupted.abort();
}

function report(error: Error): void {
  console.error("Cannot announce:", error.cause ?? error);
}

/** The OS announces an address before a socket can bind to it. Other errors, such as a missing flag, stay. */
function isRetriable(error: unknown): boolean {
  return error instanceof Deno.errors.AddrNotAvailable;
}

async function join(address: string): Promise<void> {
  const sender = await retry(() =>
    Deno.listenDatagram({
      transport: "udp",
      hostname: address, // sends through the interface that has it
      port: PORT,
      reuseAddress: true,
      loopback: true, // other programs of this machine listen, too
    }), { isRetriable });
  sockets.set(address, [sender]);
  try {
    // Receives queries; a program that answers them reads from it. One for each address: a socket joins a group
    // only once on an interface.
    const listener = Deno.listenDatagram({
      transport: "udp",
      hostname: "0.0.0.0",
      port: PORT,
      reuseAddress: true,
    });
    sockets.get(address)!.push(listener);
    await listener.joinMulticastV4(GROUP, address);
  } catch (error) {
    close(address);
    throw error;
  }
  await announce(sender, address);
  Deno.unrefTimer(setTimeout(() => announce(sender, address), SECOND_ANNOUNCEMENT_MS));
  console.log(`Announced ${name}.local on ${address}`);
}

/** The address may be gone again, and the next one gets an announcement of its own. */
async function announce(
  sender: Deno.DatagramConn,
  address: string,
  seconds = LIFETIME_SECONDS,
): Promise<void> {
  const to = { transport: "udp", hostname: GROUP, port: PORT } as const;
  await sender.send(announcement(address, seconds), to).catch(() => {});
}

function leave(address: string): void {
  close(address);
  console.log(`Left ${address}`);
}

/** Closing the listener also ends its membership. */
function close(address: string): void {
  for (const socket of sockets.get(address)!) socket.close();
  sockets.delete(address);
}

/** An unsolicited response (RFC 1035 section 4): one A record with the cache-flush bit. */
function announcement(address: string, seconds: number): Uint8Array {
  const text = new TextEncoder().encode(name);
  return Uint8Array.of(
    ...[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0], // response, authoritative, one answer
    ...[text.length, ...text, 5, ...new TextEncoder().encode("local"), 0],
    ...[0, 1, 0x80, 1, 0, 0, 0, seconds, 0, 4, ...address.split(".").map(Number)],
  );
}
