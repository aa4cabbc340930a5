/**
 * Runs the example programs while the network changes.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Snapshot } from "../../mod.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { denoProgram, type Program } from "../support/program.ts";
import { runDeno, runDenoOk } from "../support/run.ts";
import { scaled } from "../support/timing.ts";

const TABLE = / Source .*\n\n/;

/** Adds a veth pair, both ends up. */
async function addCable(name = "eth0", peer = "peer0"): Promise<void> {
  await ip(`link add name ${name} type veth peer name ${peer}`);
  await ip(`link set ${name} up`);
  await ip(`link set ${peer} up`);
}

/** Adds an interface with an address and the default route. */
async function addNetwork(): Promise<void> {
  await addCable();
  await ip("addr add 192.168.1.7/24 dev eth0");
  await ip("route add default via 192.168.1.1");
}

function watch(...options: string[]): Program {
  return denoProgram(["run", "--no-prompt", "--allow-ffi", "examples/watch.ts", ...options]);
}

/** Sends SIGINT; the program must exit with 0 and without an error message. */
async function interrupt(program: Program): Promise<string> {
  program.signal("SIGINT");
  const { code, stderr, stdout } = await program.end();
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, scaled(ms)));
}

namespaceTest(import.meta.url, "watch prints a line for each change", async () => {
  await addNetwork();
  await using program = watch();
  const table = await program.until(TABLE);
  assertMatch(program.stdout, /^ +Default IPv4 +eth0 via 192\.168\.1\.1 from 192\.168\.1\.7$/m);
  assertMatch(program.stdout, /^ +Home router +192\.168\.1\.1 from 192\.168\.1\.7$/m);
  await ip("addr add 192.0.2.9/32 dev eth0");
  const after = table.index + table[0].length;
  const [line] = await program.until(/^.*192\.0\.2\.9.*\n/m, after);
  assertMatch(
    line,
    /^\d\d:\d\d:\d\d\.\d{3} {2}event {6}major {2}address added: eth0 192\.0\.2\.9\/32\n$/,
  );
  await ip("link set eth0 mtu 1400");
  const [minor] = await program.until(/^.*mtu.*\n/m, after);
  assertMatch(minor, /^\S+ {2}event {13}interface changed: eth0 mtu 1500 -> 1400\n$/);
  await interrupt(program);
});

namespaceTest(import.meta.url, "watch --major prints no minor change", async () => {
  await addNetwork();
  await using program = watch("--major");
  await program.until(TABLE);
  await pause(300); // longer than coalesceMs, so the next change gets its own snapshot
  await ip("link set eth0 mtu 1400");
  await pause(300);
  await ip("addr add 192.0.2.9/32 dev eth0");
  await program.until(/major +address added: eth0 192\.0\.2\.9\/32/);
  await ip("link set eth0 mtu 1500");
  await ip("addr del 192.168.1.7/24 dev eth0");
  await program.until(/address removed: eth0 192\.168\.1\.7\/24/);
  const lines = (await interrupt(program)).split("\n").filter((line) => /^\d\d:/.test(line));
  assertEquals(lines.filter((line) => !line.includes("  major  ")), []);
});

namespaceTest(import.meta.url, "watch --settle prints two changes as one snapshot", async () => {
  await addNetwork();
  await using program = watch("--json", "--settle", String(scaled(2_000)));
  await program.until(/\n/);
  await ip("addr add 192.0.2.8/32 dev eth0");
  await pause(400); // longer than coalesceMs, shorter than settleMs
  await ip("addr add 192.0.2.9/32 dev eth0");
  await program.until(/\n.*\n/);
  const [, second = ""] = (await interrupt(program)).split("\n");
  const { changes }: Snapshot = JSON.parse(second);
  const added = changes.flatMap((change) =>
    change.kind === "address-added" && change.address.family === "IPv4" ? [change.address.cidr] : []
  );
  assertEquals(added, ["192.0.2.8/32", "192.0.2.9/32"]);
});

namespaceTest(import.meta.url, "watch --interval sets how often it reconciles", async () => {
  for (const [interval, reconciles] of [["20", true], ["Infinity", false]] as const) {
    await using program = watch("--stats", "--interval", interval);
    await program.until(TABLE);
    await pause(300);
    const [, count] = /^reconciles +(\d+)$/m.exec(await interrupt(program)) ?? [];
    assertEquals(Number(count) > 0, reconciles, `--interval ${interval}: ${count} reconciles`);
  }
});

namespaceTest(
  import.meta.url,
  "watch --json exits without an error when the reader closes the pipe",
  async () => {
    await addNetwork();
    await using program = watch("--json");
    await program.until(/\n/);
    await program.closeStdout();
    await ip("addr add 192.0.2.9/32 dev eth0");
    const { code, stderr } = await program.end();
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
  },
);

namespaceTest(
  import.meta.url,
  "a second Ctrl-C kills a watch whose output nobody reads",
  async () => {
    const pairs = Array.from({ length: 500 }, (_, i) => `link add a${i} type veth peer name b${i}`);
    await ipBatch(pairs); // their snapshot is larger than the buffer of a pipe
    const args = ["run", "--allow-ffi", "examples/watch.ts", "--json"];
    await using program = denoProgram(args, { reads: false, deadlineMs: 30_000 });
    const ended = program.end();
    let isEnded = false;
    ended.then(() => isEnded = true);
    await program.readOnce();
    program.signal("SIGINT");
    await pause(300);
    assertEquals(isEnded, false, "the snapshot fits into the pipe");
    program.signal("SIGINT");
    assertEquals((await ended).code, 130);
  },
);

namespaceTest(
  import.meta.url,
  "watch escapes interface names that a terminal would obey",
  async () => {
    const hostile = "\x1b[2J\u009b\u202e";
    await addCable("ok0", "ok1");
    await addCable(hostile, "peer0");
    // deno-lint-ignore no-control-regex -- the output must not contain any
    const obeyed = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/;
    const once = ["run", "--allow-ffi", "examples/watch.ts", "--once"];
    const table = await runDenoOk(once);
    assertEquals(obeyed.test(table.stdout), false);
    assertStringIncludes(table.stdout, "\\u{1b}[2J\\u{9b}\\u{202e}");
    const json = await runDenoOk([...once, "--json"]);
    assertEquals(obeyed.test(json.stdout), false);
    const { state }: Snapshot = JSON.parse(json.stdout);
    assert(Object.hasOwn(state.interfaces, hostile));
    await using program = watch();
    await program.until(TABLE);
    await ip(`link set ${hostile} mtu 1400`);
    await program.until(/interface changed: "\\u\{1b\}\[2J\\u\{9b\}\\u\{202e\}" mtu/);
    assertEquals(obeyed.test(await interrupt(program)), false);
  },
);

namespaceTest(
  import.meta.url,
  "read_once and wait_until_online print the default route",
  async () => {
    const wait = ["run", "--allow-ffi", "examples/wait_until_online.ts"];
    await using waiting = denoProgram(wait);
    await addNetwork();
    const { code, stdout } = await waiting.end();
    assertEquals({ code, stdout }, { code: 0, stdout: "Online through eth0\n" });
    const once = await runDenoOk(["run", "--allow-ffi", "examples/read_once.ts"]);
    assertMatch(once.stdout, /^Default ipv4: eth0 via 192\.168\.1\.1\n/);
    assertMatch(once.stdout, /^192\.168\.1\.7\/24/m);
  },
);

namespaceTest(
  import.meta.url,
  "rebind binds again when its address is gone, and not before",
  async () => {
    await addNetwork();
    const flags = ["--allow-ffi", "--allow-net", "--unstable-net"];
    await using program = denoProgram(["run", ...flags, "examples/rebind.ts"]);
    const [, port] = await program.until(/^Bound to 192\.168\.1\.7 port (\d+)\n/);
    await ip("addr add 192.168.2.8/24 dev eth0");
    await pause(900); // longer than settleMs
    await ip("addr del 192.168.1.7/24 dev eth0");
    await program.until(/\n.*\n/);
    assertEquals(
      program.stdout,
      `Bound to 192.168.1.7 port ${port}\nBound to 192.168.2.8 port ${port}\n`,
    );
  },
);

namespaceTest(
  import.meta.url,
  "reconnect_on_wake reconnects when the default route changes",
  async () => {
    await ip("link set lo up");
    await addNetwork();
    let connections = 0;
    const second = Promise.withResolvers<void>();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => {
        if (++connections === 2) second.resolve();
        return Deno.upgradeWebSocket(request).response;
      },
    );
    const url = `ws://127.0.0.1:${server.addr.port}/`;
    const args = ["run", "--allow-ffi", "--allow-net", "examples/reconnect_on_wake.ts", url];
    await using program = denoProgram(args);
    await program.until(/Connected through eth0\n/);
    await ip("addr add 192.168.2.8/24 dev eth0");
    await ip("route replace default via 192.168.2.1");
    await second.promise;
    await program.until(/Connected through eth0\n.*Connected through eth0\n/s);
    const none = await runDeno(["run", "--allow-ffi", "examples/reconnect_on_wake.ts"]);
    assertEquals(none.code, 1);
    assertStringIncludes(none.stderr, "The URL of a WebSocket server is missing");
  },
);
