/**
 * The programs that docs/recipes.md links to, in a network namespace, where no other test has them.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { createSocket } from "node:dgram";
import { ip, namespaceTest } from "../support/netns.ts";
import { denoProgram, Program } from "../support/program.ts";
import { runDeno } from "../support/run.ts";
import { scaled } from "../support/timing.ts";

namespaceTest(
  import.meta.url,
  "mdns_announce announces each address, joins and leaves with it",
  async () => {
    for (const name of ["eth0", "eth1"]) {
      await ip(`link add ${name} type bridge`);
      await ip(`link set ${name} up`);
    }
    await ip("link set lo up");
    await ip("addr add 192.168.1.7/24 dev eth0");
    await ip("addr add 169.254.9.9/16 dev eth1"); // for this test: a link-local address is not usable
    await using listener = await MulticastListener.open();
    listener.join("192.168.1.7");
    listener.join("169.254.9.9");
    const flags = ["--allow-ffi", "--allow-net", "--unstable-net"];
    await using program = denoProgram(["run", ...flags, "examples/mdns_announce.ts", "printer"]);
    await listener.until(recordOf("x", 192, 168, 1, 7)); // "x": valid for 120 s
    await program.until(/Announced printer\.local on 192\.168\.1\.7\n/);
    assertEquals(await memberships("eth1"), 1, "of this test");
    await ip("addr add 10.0.0.5/24 dev eth1");
    assertEquals(await listener.until(recordOf("x", 10, 0, 0, 5)), "10.0.0.5");
    await program.until(/Announced printer\.local on 10\.0\.0\.5\n/);
    assertEquals(await memberships("eth1"), 2, "of the program and of this test");
    await ip("addr add 10.0.1.5/24 dev eth1");
    assertEquals(await listener.until(recordOf("x", 10, 0, 1, 5)), "10.0.1.5");
    await program.until(/Announced printer\.local on 10\.0\.1\.5\n/);
    assertEquals(await memberships("eth1"), 3, "of a second address there");
    await ip("addr del 10.0.0.5/24 dev eth1");
    await program.until(/Left 10\.0\.0\.5\n/);
    assertEquals(await memberships("eth1"), 2);
    assertEquals(await memberships("eth0"), 2, "the membership of the address that stays");
    program.signal("SIGINT");
    for (const address of [[192, 168, 1, 7], [10, 0, 1, 5]]) {
      await listener.until(recordOf("\0", ...address)); // a goodbye
    }
    const { code, stderr } = await program.end();
    assertEquals([code, stderr], [0, ""]);
    const wrong = await runDeno(["run", ...flags, "examples/mdns_announce.ts", "--help"]);
    assertMatch(wrong.stderr, /Not a host name of one label: '--help'/);
    // a missing flag is reported at once
    await using without = denoProgram(["run", "--allow-ffi", "examples/mdns_announce.ts"]);
    await delay(scaled(1_500));
    without.signal("SIGTERM");
    assertMatch((await without.end()).stderr, /^Cannot announce: TypeError/);
  },
);

namespaceTest(
  import.meta.url,
  "mdns_announce leaves no socket open if it cannot join",
  async () => {
    await ip("link set lo up");
    await ip("link add eth0 type bridge");
    await ip("link set eth0 up");
    const other = createSocket("udp4"); // as a resolver on loopback, which shares its port with nobody
    await new Promise<void>((resolve) => other.bind(5353, "127.0.0.1", resolve));
    const command = "run --allow-ffi --allow-net --unstable-net examples/mdns_announce.ts 2>&1";
    await using program = new Program(["sh", "-c", `exec ${Deno.execPath()} ${command}`]);
    await ip("addr add 192.168.1.7/24 dev eth0");
    await program.until(/Cannot announce: /);
    const sockets = await Deno.readTextFile("/proc/net/udp");
    assertEquals(sockets.match(/:14E9 /g)?.length, 1, "of this test");
    other.close();
  },
);

namespaceTest(import.meta.url, "upload holds files back until the machine is online", async () => {
  await ip("link set lo up");
  const received: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      received.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
      return new Response(null, { status: received.length === 1 ? 201 : 403 });
    },
  );
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/a b.txt`, "content");
    const flags = ["--allow-ffi", "--allow-net", "--allow-read"];
    const url = `http://127.0.0.1:${server.addr.port}/files/`;
    const path = `${folder}/a b.txt`;
    await using program = denoProgram(["run", ...flags, "examples/upload.ts", url, path]);
    await program.until(/Holding .*a b\.txt back\n/);
    await ip("link add eth0 type bridge");
    await ip("link set eth0 up");
    await ip("addr add 192.168.1.7/24 dev eth0");
    await delay(500); // longer than a request to the loopback takes
    assertEquals(received, []);
    await ip("route add default via 192.168.1.1");
    const { code, stdout } = await program.end();
    assertEquals([code, stdout.includes("a b.txt: 201\n")], [0, true]);
    assertEquals(received, ["PUT /files/a%20b.txt content"]);
    const upload = (...args: string[]) => runDeno(["run", ...flags, "examples/upload.ts", ...args]);
    const refused = await upload(url.slice(0, -1), path); // and without the slash at its end
    assertEquals([refused.code, received[1]], [1, received[0]]);
    for (const args of [[], ["--help"], [path, path]]) {
      assertMatch((await upload(...args)).stderr, /TypeError: Not the URL of a folder: /);
    }
    assertMatch((await upload(url)).stderr, /TypeError: The files to upload are missing/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The end of an announcement: an A record of printer.local. */
function recordOf(seconds: string, ...address: number[]): string {
  return `\x07printer\x05local\0\0\x01\x80\x01\0\0\0${seconds}\0\x04${
    String.fromCharCode(...address)
  }`;
}

/** Hears what is sent to the mDNS group. With `node:dgram`: `Deno.listenDatagram()` is unstable. */
class MulticastListener implements AsyncDisposable {
  readonly #socket = createSocket({ type: "udp4", reuseAddr: true });
  readonly #heard: { text: string; from: string }[] = [];
  #arrived = Promise.withResolvers<void>();

  static async open(): Promise<MulticastListener> {
    const listener = new MulticastListener();
    listener.#socket.on("message", (data, { address }) => {
      listener.#heard.push({ text: data.toString("latin1"), from: address });
      listener.#arrived.resolve();
      listener.#arrived = Promise.withResolvers();
    });
    await new Promise<void>((resolve) => listener.#socket.bind(5353, "0.0.0.0", resolve));
    return listener;
  }

  join(address: string): void {
    this.#socket.addMembership("224.0.0.251", address);
  }

  /** The sender of the first message that ends like this. */
  async until(end: string): Promise<string> {
    for (;;) {
      const found = this.#heard.find(({ text }) => text.endsWith(end));
      if (found !== undefined) return found.from;
      await this.#arrived.promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

/** How many sockets have joined the mDNS group on an interface (`man 5 proc_net`, `igmp`). */
async function memberships(name: string): Promise<number> {
  const text = await Deno.readTextFile("/proc/net/igmp");
  const [, groups = ""] = new RegExp(`\\d+\\s+${name}\\s.*\\n((?:\\t.*\\n)*)`).exec(text) ?? [];
  const [, users = "0"] = /FB0000E0\s+(\d+)/.exec(groups) ?? [];
  return Number(users);
}
