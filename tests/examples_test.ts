/**
 * The example program from outside: its options, exit codes and permissions.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { libcRequest } from "../ffi/linux/libc.ts";
import type { Snapshot } from "../mod.ts";
import { denoProgram, terminalProgram } from "./support/program.ts";
import { runDeno, runDenoOk, type RunResult } from "./support/run.ts";
import { ffi, type Need, networkInterfaces, read, run, skippable } from "./support/skip.ts";

const WATCH = "examples/watch.ts";
const NEEDS: readonly Need[] = ["linux", ffi, read, run];

/** Everything but what a case gives. */
const DENIED = ["env", "net", "read", "run", "write", "import"].map((name) => `--deny-${name}`);

/** The program with options, under `--allow-ffi` and nothing else. */
function watch(...options: string[]): Promise<RunResult> {
  return runDeno(["run", "--no-prompt", "--allow-ffi", WATCH, ...options]);
}

/** The path of the C library on this machine. */
function libcPath(): string {
  const found = libcRequest(undefined).candidates.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  assert(found !== undefined, "The C library is in none of the usual places");
  return found;
}

skippable({
  name: "watch --once prints the network and ends",
  needs: NEEDS,
  async fn() {
    const { code, stderr, stdout } = await watch("--once");
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertMatch(stdout, /^Network at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/m);
    assertMatch(stdout, /^ +1 +lo +loopback +(up|down) +\d+ /m);
    assertMatch(stdout, /^ +Source +netlink, live$/m);
    assertEquals(stdout.includes("\x1b"), false, "colour without a terminal");
  },
});

skippable({
  name: "watch --once --json prints one snapshot on one line",
  needs: NEEDS,
  async fn() {
    const { code, stderr, stdout } = await watch("--once", "--json");
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertEquals(stdout.trimEnd().split("\n").length, 1);
    const snapshot: Snapshot = JSON.parse(stdout);
    assertEquals(
      Object.keys(snapshot),
      ["sequence", "at", "cause", "causes", "changes", "major", "state"],
    );
    assertEquals([snapshot.cause, snapshot.changes], ["initial", []]);
    assertEquals(snapshot.state.interfaces.lo?.kind, "loopback");
  },
});

skippable({
  name: "watch --stats prints the counters: on stderr with --json",
  needs: NEEDS,
  async fn() {
    const text = await watch("--once", "--stats");
    assertMatch(text.stdout, /^status +live\n(.*\n)*published +1$/m);
    assertEquals(text.stderr, "");
    const json = await watch("--once", "--stats", "--json");
    assertMatch(json.stderr, /^status +live\n(.*\n)*published +1$/m);
    assertEquals(json.stdout.trimEnd().split("\n").length, 1);
  },
});

skippable({
  name: "watch --help prints the help and needs no permission",
  needs: [read, run],
  async fn() {
    const { code, stderr, stdout } = await runDeno(["run", "--no-prompt", WATCH, "--help"]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertStringIncludes(stdout, "Usage: deno run --allow-ffi examples/watch.ts [options]");
  },
});

skippable({
  name: "watch exits with 2 and points at --help when an option is wrong",
  needs: [read, run],
  async fn() {
    for (const args of [["--nope"], ["--settle"], ["--settle", "-1"], ["--libc", "x"], ["x"]]) {
      const { code, stderr, stdout } = await watch(...args);
      assertEquals({ code, stdout }, { code: 2, stdout: "" }, args.join(" "));
      assertMatch(stderr, /^error: .+\nRun it with --help to see the options\n$/, args.join(" "));
    }
  },
});

skippable({
  name: "watch --libc tells in one line that the file is not there",
  needs: NEEDS,
  async fn() {
    const { code, stderr, stdout } = await watch("--libc", "/nonexistent/libc.so");
    assertEquals({ code, stdout }, { code: 1, stdout: "" });
    assertMatch(stderr, /^error: Cannot open the C library; tried \/nonexistent\/libc\.so .+\n$/);
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  skippable({
    name: `watch ends with 0 and its counters at ${signal}`,
    needs: NEEDS,
    async fn() {
      await using program = denoProgram(["run", "--allow-ffi", WATCH, "--stats"]);
      await program.until(/ Source .*\n/);
      program.signal(signal);
      const { code, stderr, stdout } = await program.end();
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
      assertMatch(stdout, /^published +\d+$/m);
    },
  });
}

skippable({
  name: "watch ends quietly when the reader of its pipe is gone",
  needs: NEEDS,
  async fn() {
    await using program = denoProgram(["run", "--allow-ffi", WATCH], { deadlineMs: 20_000 });
    await program.until(/\n/);
    await program.closeStdout();
    const { code, stderr } = await program.end();
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
  },
});

/** What each grant buys; nothing but these is ever needed. */
const GRANTS: { name: string; flags: () => string[]; source: RegExp }[] = [
  { name: "--allow-ffi", flags: () => ["--allow-ffi", "--deny-sys"], source: /netlink, live$/ },
  {
    name: "--allow-ffi with the path of the C library",
    flags: () => [`--allow-ffi=${libcPath()}`, "--deny-sys"],
    source: /netlink, live$/,
  },
  {
    name: "--allow-sys=networkInterfaces",
    flags: () => ["--allow-sys=networkInterfaces"],
    source: /polling: Only --allow-sys=networkInterfaces is granted, not --allow-ffi$/,
  },
];

for (const { name, flags, source } of GRANTS) {
  skippable({
    name: `watch runs under ${name} alone`,
    needs: [...NEEDS, networkInterfaces],
    async fn() {
      const args = ["run", "--no-prompt", ...DENIED, ...flags(), WATCH, "--once"];
      const { stderr, stdout } = await runDenoOk(args);
      assertEquals(stderr, "");
      assertMatch(/^ +Source +(.*)$/m.exec(stdout)?.[1] ?? "", source);
    },
  });
}

skippable({
  name: "watch --libc runs under a grant of that path alone",
  needs: NEEDS,
  async fn() {
    const path = libcPath();
    const copy = await Deno.realPath(path); // not the one that it would try by itself
    const flags = ["--no-prompt", ...DENIED, "--deny-sys", `--allow-ffi=${copy}`];
    const { stdout } = await runDenoOk(["run", ...flags, WATCH, "--once", "--libc", copy]);
    assertMatch(stdout, /^ +Source +netlink, live$/m);
  },
});

skippable({
  name: "watch --polling polls although events could be had",
  needs: [...NEEDS, networkInterfaces],
  async fn() {
    const flags = ["--no-prompt", "--allow-ffi", "--allow-sys=networkInterfaces"];
    const { stdout } = await runDenoOk(["run", ...flags, WATCH, "--once", "--polling"]);
    assertMatch(stdout, /^ +Source +polling$/m);
  },
});

skippable({
  name: "watch without a permission exits with 1 and tells the flag, which then works",
  needs: NEEDS,
  async fn() {
    const { code, stderr, stdout } = await runDeno(["run", "--no-prompt", WATCH, "--once"]);
    assertEquals({ code, stdout }, { code: 1, stdout: "" });
    assertMatch(stderr, /^error: .+\n$/); // no stack
    const [flag] = /--allow-ffi=\S+/.exec(stderr) ?? [""];
    const second = await runDenoOk(["run", "--no-prompt", ...DENIED, flag, WATCH, "--once"]);
    assertMatch(second.stdout, /^ +Source +netlink, live$/m);
  },
});

skippable({
  name: "watch on a terminal asks for the C library, and runs once that is allowed",
  needs: [...NEEDS, "script"],
  async fn() {
    const command = `${Deno.execPath()} run ${WATCH} --once`;
    await using program = terminalProgram(command, { env: { DENO_NO_PROMPT: "" } });
    // what is typed before the question is thrown away, and each path is a question of its own
    const typing = setInterval(() => program.write("y\n").catch(() => {}), 200);
    try {
      const { code, stdout } = await program.end();
      assertEquals(code, 0, stdout);
      assertStringIncludes(stdout, 'ffi access to "/');
      assertMatch(stdout, /^ +Source +netlink, live\r?$/m);
    } finally {
      clearInterval(typing);
    }
  },
});

skippable({
  name: "watch has colour on a terminal, and none with NO_COLOR",
  needs: [...NEEDS, "script"],
  async fn() {
    const command = `${Deno.execPath()} run --allow-ffi ${WATCH} --once`;
    for (const [noColour, isColourful] of [["", true], ["1", false]] as const) {
      await using program = terminalProgram(command, { env: { NO_COLOR: noColour } });
      const { code, stdout } = await program.end();
      assertEquals(code, 0, stdout);
      assertEquals(stdout.includes("\x1b[1m"), isColourful, `NO_COLOR=${noColour}`);
    }
  },
});
