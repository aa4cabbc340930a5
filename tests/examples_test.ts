/**
 * Runs the `watch` program: options, exit codes and permissions.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Snapshot } from "../mod.ts";
import { denoProgram, terminalProgram } from "./support/program.ts";
import { libcPath } from "./support/real_libc.ts";
import { readText } from "./support/published.ts";
import { ROOT, runDeno, runDenoOk, type RunResult } from "./support/run.ts";
import { ffi, type Need, networkInterfaces, read, run, skippable } from "./support/skip.ts";

const WATCH = "examples/watch.ts";
const NEEDS: readonly Need[] = ["linux", ffi, read, run];

/** Denies every permission that no test grants. */
const DENIED = ["env", "net", "read", "run", "write", "import"].map((name) => `--deny-${name}`);

/** Runs the program with `--allow-ffi` only. */
function watch(...options: string[]): Promise<RunResult> {
  return runDeno(["run", "--no-prompt", "--allow-ffi", WATCH, ...options]);
}

skippable({
  name: "watch --once prints the network and exits",
  needs: NEEDS,
  async fn() {
    const args = ["run", "--no-prompt", "--allow-ffi", WATCH, "--once"];
    const { code, stderr, stdout } = await runDeno(args, { env: { NO_COLOR: "" } });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertMatch(stdout, /^(Online by \S+|Offline)/);
    assertMatch(stdout, /^ +Time +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/m);
    assertMatch(stdout, /^ +1 +lo +loopback +(up|down) +\d+ /m);
    assertMatch(stdout, /^ +Source +netlink, live$/m);
    assertEquals(stdout.includes("\x1b"), false, "colours without a terminal");
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
      ["sequence", "at", "cause", "causes", "changes", "major", "reasons", "state"],
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
    assertStringIncludes(stdout, "Usage: deno run --allow-ffi PROGRAM [options]");
    const version = await runDeno(["run", "--no-prompt", WATCH, "--version"]);
    assertMatch(version.stdout, /^\d+\.\d+\.\d+\n$/);
  },
});

skippable({
  name: "watch exits with 2 and points at --help when an option is wrong",
  needs: [read, run],
  async fn() {
    for (
      const args of [["--nope"], ["--settle"], ["--settle", "-1"], ["--libc", "x"], ["--live"]]
    ) {
      const { code, stderr, stdout } = await watch(...args);
      assertEquals({ code, stdout }, { code: 2, stdout: "" }, args.join(" "));
      assertMatch(stderr, /^error: .+\nRun with --help to list the options\n$/, args.join(" "));
    }
  },
});

skippable({
  name: "watch --libc says in one line that the file does not exist",
  needs: NEEDS,
  async fn() {
    for (const path of ["/nonexistent/libc.so", String.raw`C:\nonexistent\libc.dll`]) {
      const { code, stderr, stdout } = await watch("--libc", path);
      assertEquals({ code, stdout }, { code: 1, stdout: "" });
      assert(stderr.startsWith(`error: Cannot open the C library; tried ${path} (`), stderr);
      assertEquals(stderr.trimEnd().split("\n").length, 1);
    }
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  skippable({
    name: `watch exits with 0 and prints its counters at ${signal}`,
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

for (const output of ["", "--json"]) {
  skippable({
    name: `watch ${output} | head -1 ends although nothing changes`,
    needs: NEEDS,
    async fn() {
      const args = ["run", "--allow-ffi", WATCH, ...output === "" ? [] : [output]];
      const runs: unknown[] = [];
      for (let tries = 0; tries < 8; tries++) { // it gives its reader a few milliseconds to exit
        await using program = denoProgram(args, { deadlineMs: 5_000 });
        await program.until(/\n/);
        await program.closeStdout();
        const { code, stderr } = await program.end();
        if (code === 0 && stderr === "") return;
        runs.push({ code, stderr });
      }
      assertEquals(runs, []);
    },
  });
}

const LINES_MAX = 60;
/** Programs of their own, rather than recipes. */
const LARGE = ["dashboard.ts", "mdns_announce.ts", "opentelemetry.ts", "watch.ts"];

skippable({
  name: "each example is short and uses the package as its users do",
  needs: [read],
  fn() {
    const names = [...Deno.readDirSync(new URL("examples", ROOT))].map(({ name }) => name);
    for (const name of names.filter((name) => name.endsWith(".ts") && !LARGE.includes(name))) {
      const text = readText(`examples/${name}`);
      assert(text.split("\n").length <= LINES_MAX, `${name} is long`);
      const imports = [...text.matchAll(/ from "(.*)";/g)].map(([, from = ""]) => from);
      assertEquals(imports.filter((from) => !/^@(netwatch|std)\//.test(from)), [], name);
    }
  },
});

/** What each permission gives. No other is ever needed. */
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
    name: `watch needs no more than ${name}`,
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
  name: "watch --libc needs no more than permission for that path",
  needs: NEEDS,
  async fn() {
    const path = libcPath();
    const copy = await Deno.realPath(path); // not one of the paths that it searches
    const flags = ["--no-prompt", ...DENIED, "--deny-sys", `--allow-ffi=${copy}`];
    const { stdout } = await runDenoOk(["run", ...flags, WATCH, "--once", "--libc", copy]);
    assertMatch(stdout, /^ +Source +netlink, live$/m);
  },
});

skippable({
  name: "watch --polling polls although events are available",
  needs: [...NEEDS, networkInterfaces],
  async fn() {
    const flags = ["--no-prompt", "--allow-ffi", "--allow-sys=networkInterfaces"];
    const { stdout } = await runDenoOk(["run", ...flags, WATCH, "--once", "--polling"]);
    assertMatch(stdout, /^ +Source +polling$/m);
  },
});

skippable({
  name: "watch without permission exits with 1 and names the flag",
  needs: NEEDS,
  async fn() {
    const { code, stderr, stdout } = await runDeno(["run", "--no-prompt", WATCH, "--once"]);
    assertEquals({ code, stdout }, { code: 1, stdout: "" });
    assertMatch(stderr, /^error: --allow-ffi=\/\S+ is needed .+\n$/);
  },
});

skippable({
  name: "watch on a terminal prompts for the C library and runs when the user allows it",
  needs: [...NEEDS, "script"],
  async fn() {
    const command = `${Deno.execPath()} run ${WATCH} --once`;
    await using program = terminalProgram(command, { env: { DENO_NO_PROMPT: "" } });
    // Deno discards what is typed before a prompt, and prompts for each path.
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
  name: "watch prints colours on a terminal, unless NO_COLOR is set",
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

skippable({
  name: "watch --live fills the screen, follows its size, and gives it back on Ctrl-C",
  needs: [...NEEDS, "script"],
  async fn() {
    const command = `${Deno.execPath()} run --allow-ffi ${WATCH} --live`;
    await using program = terminalProgram(command);
    const [, terminal = ""] = await program.until(/^(\/dev\/\S+)\r\n/);
    const [, first = ""] = await program.until(
      // deno-lint-ignore no-control-regex -- the terminal's escape sequences
      /\x1b\[\?1049h\x1b\[\?25l\x1b\[\?7l(\x1b\[H.*?)\x1b\[J/s,
    );
    assertMatch(first, /INTERFACE +KIND +STATE +MTU/);
    // deno-lint-ignore no-control-regex -- the same; behind a line that fills the terminal it takes a character
    assertEquals(first.match(/[^\nH]\x1b\[K/), null);
    const start = program.stdout.length;
    const args = ["-F", terminal, "rows", "6", "cols", "44"];
    assertEquals((await new Deno.Command("stty", { args }).output()).code, 0);
    // deno-lint-ignore no-control-regex -- the same
    await program.until(/\x1b\[H.*… and \d+ more lines/s, start);
    await program.write("\x03");
    const { code, stdout } = await program.end();
    assertEquals(code, 0);
    assert(stdout.endsWith("\x1b[?7h\x1b[?25h\x1b[?1049l"), JSON.stringify(stdout.slice(-60)));
  },
});

skippable({
  name: "watch --live gives the screen back at Ctrl-Z, and takes it again after fg",
  needs: [...NEEDS, "script"],
  async fn() {
    const command = `${Deno.execPath()} run --no-prompt --allow-ffi ${WATCH} --live`;
    // "back": what the shell prints while the program is stopped
    await using program = terminalProgram(`bash -mc '${command}; echo back; fg'`);
    await program.until(/INTERFACE/);
    await program.write("\x1a");
    // deno-lint-ignore no-control-regex -- the terminal's escape sequences
    await program.until(/\x1b\[\?1049l[^\x1b]*back\r\n[^\x1b]*\x1b\[\?1049h.*INTERFACE/s);
    await program.write("\x03");
    assertEquals((await program.end()).code, 0);
  },
});
