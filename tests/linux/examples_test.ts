/**
 * Runs the example programs while the network changes, with events and with polling alone.
 *
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { ip, namespaceTest } from "../support/netns.ts";
import { denoProgram, type Program } from "../support/program.ts";
import { runDeno, runDenoOk } from "../support/run.ts";
import { scaled } from "../support/timing.ts";
import { FarServer } from "../support/two_networks.ts";

/** What each source needs; polling is faster than for users. */
const SOURCES = {
  events: ["--allow-ffi"],
  polling: ["--allow-sys=networkInterfaces", "--preload=tests/support/fast_polling.ts"],
} as const;

/** Plays the scenes that standard input names, instead of watching the network. */
const SCRIPTED = "--import-map=tests/support/scripted_netwatch.json";

/** Starts an example on both sources. */
function runBoth(example: string, flags: readonly string[] = [], args: readonly string[] = []) {
  const start = (source: readonly string[]): Program =>
    denoProgram(["run", "--no-prompt", ...source, ...flags, `examples/${example}`, ...args], {
      deadlineMs: 20_000,
    });
  const programs = { events: start(SOURCES.events), polling: start(SOURCES.polling) };
  const both = [programs.events, programs.polling];
  return {
    ...programs,
    /** Waits until the output of each matches. */
    until: (pattern: RegExp) => Promise.all(both.map((program) => program.until(pattern))),
    async [Symbol.asyncDispose]() {
      await Promise.all(both.map((program) => program[Symbol.asyncDispose]()));
    },
  };
}

/** eth0 with an address and the default route, beside docker0. */
async function addNetwork(): Promise<void> {
  await ip("link set lo up");
  // first: polling sees interfaces with addresses only, and docker0 alone looks like the inside of a container
  await addCable("192.168.1.7/24", "192.168.1.1");
  await ip("link add docker0 type bridge");
  await ip("addr add 172.17.0.1/16 dev docker0");
  await ip("link set docker0 up");
}

async function addCable(address: string, gateway: string): Promise<void> {
  await ip("link add eth0 type veth peer name peer0");
  await ip("link set peer0 up");
  await ip("link set eth0 up");
  await ip(`addr add ${address} dev eth0`);
  await ip(`route add default via ${gateway}`);
}

/** As a DHCP client does when it got another lease. */
async function renumber(): Promise<void> {
  await ip("addr del 192.168.1.7/24 dev eth0");
  await ip("addr add 192.168.2.8/24 dev eth0");
  await ip("route replace default via 192.168.2.1");
}

namespaceTest(
  import.meta.url,
  "wait_until_online ends when the network comes, and read_once prints it",
  async () => {
    await ip("link set lo up");
    await using waiting = runBoth("wait_until_online.ts");
    await waiting.events.until(/^Waiting\n/);
    await waiting.polling.until(/^Waiting\n/);
    await addNetwork();
    for (const program of [waiting.events, waiting.polling]) {
      const { code, stdout } = await program.end();
      assertEquals({ code, stdout }, { code: 0, stdout: "Waiting\nOnline as 192.168.1.7\n" });
    }
    const once = await runDenoOk(["run", "--allow-ffi", "examples/read_once.ts"]);
    assertMatch(once.stdout, /^Default ipv4: eth0 via 192\.168\.1\.1\n/);
    assertMatch(once.stdout, /^192\.168\.1\.7\/24/m);
    const polled = ["run", "--no-prompt", "--allow-sys=networkInterfaces", "examples/read_once.ts"];
    assertMatch((await runDenoOk(polled)).stdout, /^Default ipv4: unknown\n/);
  },
);

namespaceTest(import.meta.url, "read_once prints no control characters of a name", async () => {
  await ip("link set lo up");
  const name = "\x1b[31mX\x1b[2J";
  await ip(`link add ${name} type bridge`);
  for (const command of ["link set up dev", "addr add 192.0.2.7/24 dev"]) {
    await ip(`${command} ${name}`);
  }
  await ip(`route add default dev ${name}`);
  const { stdout } = await runDenoOk(["run", "--allow-ffi", "examples/read_once.ts"]);
  assertStringIncludes(stdout, "Default ipv4: \\u{1b}[31mX\\u{1b}[2J\n");
});

namespaceTest(
  import.meta.url,
  "rebind, fetch_loop and dynamic_dns end if they cannot work",
  async () => {
    await addNetwork();
    const failure = async (...args: string[]) => {
      const { code, stderr } = await runDeno(["run", "--no-prompt", "--allow-ffi", ...args]);
      assertEquals(code, 1);
      return stderr;
    };
    assertMatch(await failure("--unstable-net", "examples/rebind.ts"), /--allow-net/);
    assertMatch(await failure("--allow-net", "examples/rebind.ts"), /listenDatagram/);
    const pause = await failure("--allow-net", "examples/fetch_loop.ts", "http://192.0.2.1/", "5s");
    assertMatch(pause, /Not a number of seconds: 5s/);
    const forbidden = await failure("examples/fetch_loop.ts", "http://192.0.2.1/");
    assertMatch(forbidden, /NotCapable: .*--allow-net/);
    for (const args of [[], ["--help"]]) {
      assertMatch(await failure("examples/fetch_loop.ts", ...args), /Not the URL of a server: '/);
      const dns = await failure("examples/dynamic_dns.ts", ...args);
      assertMatch(dns, /Not a URL that takes an address: '/);
    }
  },
);

namespaceTest(import.meta.url, "rebind follows a DHCP change and leaves docker0", async () => {
  await addNetwork();
  await using programs = runBoth("rebind.ts", ["--allow-net", "--unstable-net"]);
  const bound = await programs.until(/^Bound to 192\.168\.1\.7 port (\d+)\n/);
  await ip("link set eth0 mtu 1400");
  await ip("addr add 192.168.3.9/24 dev eth0"); // no reason to bind again
  await delay(scaled(1_000)); // longer than settleMs
  await ip("addr del 192.168.3.9/24 dev eth0");
  await ip("addr del 192.168.1.7/24 dev eth0");
  await programs.until(/\n(No address|Bound to 172\.17\.0\.1 port \d+)\n/);
  await ip("addr add 192.168.2.8/24 dev eth0");
  await ip("route add default via 192.168.2.1");
  await programs.until(/Bound to 192\.168\.2\.8 port \d+\n$/);
  for (const [i, { stdout }] of [programs.events, programs.polling].entries()) {
    const port = bound[i]![1];
    const elsewhere = /^(No address|Bound to 172\.17\.0\.1 port \d+)$/; // while eth0 has none
    const lines = stdout.trimEnd().split("\n").filter((line) => !elsewhere.test(line));
    assertEquals(lines, [`Bound to 192.168.1.7 port ${port}`, `Bound to 192.168.2.8 port ${port}`]);
  }
  const { length } = programs.events.stdout;
  await ip("link del eth0"); // and at once another interface with the same address
  await addCable("192.168.2.8/24", "192.168.2.1");
  await programs.events.until(/^Bound to 192\.168\.2\.8 port \d+\n$/m, length);
});

namespaceTest(
  import.meta.url,
  "http_server logs its LAN address, also after a change",
  async () => {
    await addNetwork();
    await using programs = runBoth("http_server.ts", ["--allow-net"], ["0"]);
    await programs.until(/^http:\/\/192\.168\.1\.7:\d+\/\n/);
    await renumber();
    for (const [url = ""] of await programs.until(/http:\/\/192\.168\.2\.8:\d+\//)) {
      assertEquals(await (await fetch(url)).text(), "Hello\n");
    }
  },
);

namespaceTest(import.meta.url, "dynamic_dns publishes public addresses, each once", async () => {
  await addNetwork();
  const published: string[] = [];
  let refusals = 2;
  const server = serve(({ url }) => {
    if (refusals-- > 0) return new Response(null, { status: 503 }); // it tries again
    published.push(new URL(url).search.slice(1));
    return new Response();
  });
  await using programs = runBoth("dynamic_dns.ts", ["--allow-net"], [`${server.url}?`]);
  await ip("addr add 9.9.9.8/32 dev eth0");
  await programs.until(/^Published 9\.9\.9\.8\n/);
  await ip("addr add 192.168.1.9/24 dev eth0");
  await delay(scaled(1_300)); // longer than settleMs: nothing is published
  await ip("addr add 9.9.9.7/32 dev eth0");
  await ip("addr del 9.9.9.8/32 dev eth0");
  await programs.until(/\nPublished 9\.9\.9\.7\n/);
  assertEquals(published.sort(), ["9.9.9.7", "9.9.9.7", "9.9.9.8", "9.9.9.8"]);
  await server.stop();
});

namespaceTest(
  import.meta.url,
  "reconnect_websocket reconnects when its network is gone",
  async () => {
    await ip("link set lo up");
    let connections = 0;
    const server = serve((request) => {
      connections++;
      return Deno.upgradeWebSocket(request).response;
    });
    const url = server.url.replace("http", "ws");
    await using programs = runBoth("reconnect_websocket.ts", ["--allow-net"], [url]);
    await programs.until(/^Offline, waiting\n/);
    await delay(scaled(300));
    assertEquals(connections, 0);
    await addNetwork();
    await programs.until(/\nConnected\n/);
    // the snapshot that let it connect did not cancel the connection; when polling there is no such snapshot
    assertEquals(programs.events.stdout.includes("Not connected"), false);
    await renumber();
    await programs.until(/\nConnected\n(.*\n)*Connected\n/);
    await using sleeper = denoProgram(
      ["run", "--allow-net", SCRIPTED, "examples/reconnect_websocket.ts", url],
    );
    await sleeper.until(/^Connected\n/);
    await sleeper.write("sleep\n");
    await sleeper.until(/^Connected\nThe network changed\nConnected\n/);
    await sleeper.write("cable\nnap\n"); // a new address harms no connection, any sleep may
    await sleeper.until(/^Connected\n(The network changed\nConnected\n){2}/);
    await server.stop();
    const none = await runDeno(["run", "--allow-ffi", "examples/reconnect_websocket.ts"]);
    assertEquals(none.code, 1);
    assertStringIncludes(none.stderr, "The URL of a WebSocket server is missing");
  },
);

namespaceTest(import.meta.url, "fetch_loop survives the loss of its address", async () => {
  await using server = await FarServer.start();
  await using programs = runBoth("fetch_loop.ts", ["--allow-net"], [`${server.url}/`, "0.1"]);
  const answers = /(200 5 characters\n){3}/;
  await programs.until(answers);
  await server.renumber();
  const both = [programs.events, programs.polling];
  const lengths = both.map(({ stdout }) => stdout.length);
  await Promise.all(both.map((program, i) => program.until(answers, lengths[i])));
});

/** A server on loopback. */
function serve(handler: (request: Request) => Response) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    stop: () => server.shutdown(),
  };
}
