/**
 * Runs the `watch` program while the network changes.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Snapshot } from "../../mod.ts";
import { ip, ipBatch, namespaceTest } from "../support/netns.ts";
import { denoProgram, type Program } from "../support/program.ts";
import { runDenoOk } from "../support/run.ts";
import { scaled } from "../support/timing.ts";

const TABLE = / Time .*\n\n/;

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
  const args = ["run", "--no-prompt", "--allow-ffi", "examples/watch.ts", ...options];
  return denoProgram(args, { deadlineMs: 20_000 });
}

/** Sends SIGINT; the program must exit with 0 and without an error message. */
async function interrupt(program: Program): Promise<string> {
  program.signal("SIGINT");
  const { code, stderr, stdout } = await program.end();
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

/** Starts a watch that waits for its reader: its first snapshot is larger than the buffer of a pipe. */
async function unreadWatch(): Promise<Program> {
  const pairs = Array.from({ length: 500 }, (_, i) => `link add a${i} type veth peer name b${i}`);
  await ipBatch(pairs);
  const args = ["run", "--allow-ffi", "examples/watch.ts", "--json"];
  return denoProgram(args, { reads: false, deadlineMs: 30_000 });
}

namespaceTest(import.meta.url, "watch prints a line for each change", async () => {
  await addNetwork();
  await using program = watch();
  const table = await program.until(TABLE);
  assertMatch(program.stdout, /^ +Default IPv4 +eth0 via 192\.168\.1\.1 from 192\.168\.1\.7$/m);
  assertMatch(program.stdout, /^ +Home router +192\.168\.1\.1 from 192\.168\.1\.7$/m);
  const after = table.index + table[0].length;
  await ip("addr add 192.0.2.9/32 dev eth0");
  const [line] = await program.until(/^.*192\.0\.2\.9.*\n/m, after);
  assertMatch(
    line,
    /^\d\d:\d\d:\d\d\.\d{3} {2}eth0 got 192\.0\.2\.9\/32 \(major: usable address\)\n$/,
  );
  await ip("link set eth0 mtu 1400");
  await program.until(/^\S+ {2}eth0 has MTU 1400 \(was 1500\)\n/m, after);
  await ip("route replace default via 192.168.1.254");
  await program.until(
    / IPv4 now leaves by eth0 via 192\.168\.1\.254 \(was 192\.168\.1\.1\) /,
    after,
  );
  await interrupt(program);
});

namespaceTest(import.meta.url, "watch --major prints no minor change", async () => {
  await addNetwork();
  await using program = watch("--major");
  await program.until(TABLE);
  await delay(scaled(300)); // longer than coalesceMs, so the next change gets its own snapshot
  await ip("link set eth0 mtu 1400");
  await delay(scaled(300));
  await ip("addr add 192.0.2.9/32 dev eth0");
  await program.until(/eth0 .*got 192\.0\.2\.9\/32/);
  await ip("link set eth0 mtu 1500");
  await ip("addr del 192.168.1.7/24 dev eth0");
  await program.until(/eth0 .*lost 192\.168\.1\.7\/24/);
  const lines = (await interrupt(program)).split("\n").filter((line) => /^\d\d:/.test(line));
  assertEquals(lines.filter((line) => !line.includes("(major: ")), []);
});

namespaceTest(import.meta.url, "watch shows the interfaces that it is asked for", async () => {
  await addNetwork();
  await addCable("veth0", "veth1");
  await using text = watch("--iso", "--ignore", "veth*");
  await using json = watch("--json=changes", "veth*", "eth0");
  await text.until(TABLE);
  assertEquals(text.stdout.includes("veth0"), false);
  await delay(scaled(300)); // longer than coalesceMs
  await ip("link set veth0 mtu 1400");
  await json.until(/"text":"veth0 has MTU 1400 \(was 1500\)"/);
  await ip("link set peer0 mtu 1400");
  await ip("link set eth0 mtu 1300");
  await json.until(/"text":"eth0 has MTU 1300 \(was 1500\)"/);
  await text.until(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z {2}(.*\n.*)?eth0 has MTU 1300/m);
  for (const line of (await interrupt(json)).trim().split("\n")) {
    const { time, kind, interface: name } = JSON.parse(line);
    assertMatch(time, /^\d{4}-\d\d-\d\dT/);
    assert(["veth0", "veth1", "eth0"].includes(name), `${kind} ${name}`);
  }
  assertEquals((await interrupt(text)).includes("veth0"), false);
});

namespaceTest(import.meta.url, "watch --settle prints two changes as one snapshot", async () => {
  await addNetwork();
  await using program = watch("--json", "--settle", String(scaled(2_000)));
  await program.until(/\n/);
  await ip("addr add 192.0.2.8/32 dev eth0");
  await delay(scaled(400)); // longer than coalesceMs, shorter than settleMs
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
  const reconciles = async (interval: string, ms: number) => {
    await using program = watch("--stats", "--interval", interval);
    await program.until(TABLE);
    await delay(scaled(ms));
    return Number(/^reconciles +(\d+)$/m.exec(await interrupt(program))?.[1]);
  };
  let ms = 100;
  while (await reconciles("20", ms) === 0) assert((ms *= 2) < 10_000, "it never reconciles");
  assertEquals(await reconciles("Infinity", ms), 0);
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

namespaceTest(import.meta.url, "watch --json=changes | head -1 ends with a change", async () => {
  await ip("link set lo up"); // nothing else changes later, as duplicate address detection would
  for (let tries = 1;; tries++) { // it gives its reader a few milliseconds to exit
    await using program = watch("--json=changes", "--stats");
    await delay(scaled(1_000)); // it prints nothing when it is ready
    await ip(`addr add 192.0.2.${tries}/32 dev lo`);
    await program.until(/\n/);
    await program.closeStdout();
    const { code } = await program.end();
    if (code === 0) return;
    assert(tries < 4, "it waits for another change");
  }
});

namespaceTest(
  import.meta.url,
  "a second Ctrl-C kills a watch whose output nobody reads",
  async () => {
    await using program = await unreadWatch();
    let code: number | null = null;
    program.end().then((result) => code = result.code);
    await program.readOnce();
    let signals = 0;
    while (code === null) {
      program.signal("SIGINT"); // one that arrives before the first is handled counts as the same
      signals++;
      await delay(scaled(100));
    }
    assertEquals(code, 130);
    assert(signals >= 2, "the first Ctrl-C killed it, or the snapshot fits into the pipe");
  },
);

namespaceTest(
  import.meta.url,
  "one Ctrl-C ends a watch whose output nobody reads, a second later",
  async () => {
    await using program = await unreadWatch();
    await program.readOnce();
    await delay(scaled(500)); // it listens for signals
    program.signal("SIGINT");
    assertEquals((await program.end()).code, 0);
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
    await program.until(/"\\u\{1b\}\[2J\\u\{9b\}\\u\{202e\}" has MTU 1400/);
    assertEquals(obeyed.test(await interrupt(program)), false);
  },
);
