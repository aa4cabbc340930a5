/**
 * The program `dashboard` over HTTP, in a network namespace. `tests/npm/browser` has the page.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ip, namespaceTest } from "../support/netns.ts";
import { denoProgram } from "../support/program.ts";
import { runDeno } from "../support/run.ts";

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
    await reader.cancel().catch(() => {});
    const help = await runDeno(["run", "--no-prompt", PROGRAM, "--help"]);
    assertEquals([help.code, help.stderr], [0, ""]);
    const wrong = await runDeno(["run", "--no-prompt", PROGRAM, "--port=x"]);
    assertEquals(
      [wrong.code, wrong.stderr],
      [
        2,
        "error: --port must be a number from 0 to 65535, not 'x'\nRun with --help to list the options\n",
      ],
    );
  },
);

/** The status of the page for a Host that fetch() would not send. */
async function statusFor(url: string, host: string): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  const head = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  const text = await new Response(connection.readable).text();
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}
