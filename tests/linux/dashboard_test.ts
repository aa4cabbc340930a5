/**
 * The program `dashboard` over HTTP, in a network namespace. `tests/npm/browser` has the page.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { ip, namespaceTest } from "../support/netns.ts";
import { denoProgram } from "../support/program.ts";
import { runDeno } from "../support/run.ts";
import { scaled } from "../support/timing.ts";

const PROGRAM = "examples/dashboard.ts";

namespaceTest(
  import.meta.url,
  "dashboard sends changes, refuses foreign hosts, and ends while a client listens",
  async () => {
    await ip("link set lo up");
    await ip("link add eth0 type bridge");
    await using program = denoProgram([
      "run",
      "--allow-ffi",
      "--allow-net",
      PROGRAM,
      "--port=0",
    ]);
    const [, url = ""] = await program.until(/Open (http:\/\/127\.0\.0\.1:\d+\/) /);
    const response = await fetch(`${url}events`);
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    assert(response.body !== null);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const [, first = ""] = /^data: (.*)\n\n$/.exec((await reader.read()).value ?? "") ?? [];
    assertEquals(JSON.parse(first).view.online, "Offline");
    await ip("link add <b>\u202e type bridge");
    let message = "";
    while (!message.includes("<b>")) message = (await reader.read()).value ?? ""; // or a heartbeat
    const { entries: [entry] } = JSON.parse(message.slice("data: ".length));
    assertEquals(entry.changes, [`"<b>\\u{202e}" is new: down`]);
    assertEquals(await statusFor(url, "evil.test"), 403);
    assertEquals(await statusFor(url, new URL(url).host), 200);
    program.signal("SIGINT");
    const { code, stderr } = await program.end(); // while the stream is open
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    while (!(await reader.read()).done); // to its end: it is not cut off
  },
);

namespaceTest(import.meta.url, "dashboard ends although a client reads nothing", async () => {
  await ip("link set lo up");
  await using program = denoProgram(["run", "--allow-ffi", "--allow-net", PROGRAM]);
  await program.until(/^Open /);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: 8000 });
  const requests = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(2_000);
  await connection.write(new TextEncoder().encode(requests));
  for (let queued = 0, before = -1; queued === 0 || queued !== before;) {
    await delay(scaled(50));
    [before, queued] = [queued, await unsentBytes(8000)];
  }
  program.signal("SIGTERM");
  const { code, stderr } = await program.end();
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
});

namespaceTest(import.meta.url, "dashboard listens at --hostname and --port", async () => {
  await ip("link set lo up");
  const where = async (...options: string[]) => {
    const flags = ["--allow-ffi", "--allow-net"];
    await using program = denoProgram(["run", ...flags, PROGRAM, ...options]);
    return (await program.until(/^Open (.+) in a browser\. Ctrl-C stops the program\.\n$/))[1];
  };
  assertEquals(await where(), "http://127.0.0.1:8000/");
  assertEquals(await where("--port", "65535"), "http://127.0.0.1:65535/");
  assertEquals(await where("--hostname", "127.0.0.2"), "http://127.0.0.2:8000/");
  for (const hostname of ["::1", "[::1]"]) {
    assertEquals(await where(`--hostname=${hostname}`), "http://[::1]:8000/");
  }
  for (const hostname of ["::", "0.0.0.0"]) {
    assertEquals(
      await where(`--hostname=${hostname}`),
      "port 8000 of any address of this machine",
    );
  }
});

const HINT = "Run with --help to list the options\n";
const LISTEN = (where: string, why: string) =>
  `error: Cannot listen on ${where}: ${why}; choose others with --port and --hostname\n`;

/** Options, the exit code and standard error. */
const REFUSALS: [options: string[], code: number, stderr: string][] = [
  [["--port=x"], 2, `error: --port must be a number from 0 to 65535, not 'x'\n${HINT}`],
  [["--port=1x"], 2, `error: --port must be a number from 0 to 65535, not '1x'\n${HINT}`],
  [["--port=x1"], 2, `error: --port must be a number from 0 to 65535, not 'x1'\n${HINT}`],
  [["--port=65536"], 2, `error: --port must be a number from 0 to 65535, not '65536'\n${HINT}`],
  [
    ["--port", "-1"],
    2,
    "error: Option '--port' argument is ambiguous. Did you forget to specify the option argument for '--port'? " +
    `To specify an option argument starting with a dash use '--port=-XYZ'.\n${HINT}`,
  ],
  [
    ["--hostname=192.0.2.9"],
    1,
    LISTEN("port 8000 of 192.0.2.9", "Cannot assign requested address (os error 99)"),
  ],
  [
    ["--hostname=x[127.0.0.1]"],
    1,
    LISTEN("port 8000 of x[127.0.0.1]", "invalid host 'x[127.0.0.1]': invalid char found in FQDN"),
  ],
];

namespaceTest(import.meta.url, "dashboard's errors name the option that is wrong", async () => {
  await ip("link set lo up");
  const flags = ["--no-prompt", "--allow-ffi", "--allow-net"];
  const fail = async (...args: string[]) => {
    const { code, stdout, stderr } = await runDeno(["run", ...args]);
    return [code, stdout, stderr];
  };
  for (const [options, code, stderr] of REFUSALS) {
    assertEquals(await fail(...flags, PROGRAM, ...options), [code, "", stderr]);
  }
  using busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = busy.addr;
  assertEquals(await fail(...flags, PROGRAM, `--port=${port}`), [
    1,
    "",
    LISTEN(`port ${port} of 127.0.0.1`, "Address already in use (os error 98)"),
  ]);
  const [, , net] = await fail("--no-prompt", "--allow-ffi", PROGRAM);
  assertMatch(
    String(net),
    /^error: Requires net access to .+ run again with the --allow-net flag\n$/,
  );
});

namespaceTest(import.meta.url, "dashboard --help needs no permission", async () => {
  for (const options of [["--help"], ["-h"], ["--help", "--port=x"]]) {
    const { code, stderr, stdout } = await runDeno(["run", "--no-prompt", PROGRAM, ...options]);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^Serves a page (.*\n)+\nUsage: deno run (.*\n)+.* kills it\.\n$/);
  }
});

/** Bytes that connections of a local port have not sent (`man 5 proc_net`, `tcp`). */
async function unsentBytes(port: number): Promise<number> {
  const local = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = (await Deno.readTextFile("/proc/net/tcp"))
    .matchAll(new RegExp(` \\w+:${local} \\w+:\\w+ 01 (\\w+):`, "g")); // 01: established
  return rows.reduce((sum, [, bytes = ""]) => sum + parseInt(bytes, 16), 0);
}

/** The status of the page for a Host that fetch() would not send. */
async function statusFor(url: string, host: string): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  const head = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  const text = await new Response(connection.readable).text();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}
