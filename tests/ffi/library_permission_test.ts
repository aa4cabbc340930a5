/**
 * Opens the Linux source in programs that have one FFI permission and no other.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { libcRequest } from "../../ffi/linux/syscalls.ts";
import { libcPath } from "../support/real_libc.ts";
import { ROOT, runDeno } from "../support/run.ts";
import { ffi, type Need, read, run, skippable } from "../support/skip.ts";

const NEEDS: Need[] = ["linux", ffi, read, run];
const PROGRAM = "tests/support/programs/open_source.ts";
const { candidates } = libcRequest(undefined);

interface Report {
  error?: string;
  message?: string;
  interfaces?: string[];
  hears?: boolean;
  views?: number;
  state?: string;
  granted?: boolean;
  second?: number;
  afterwards?: { error: string; message: string };
}

/** Runs the program with these flags and every other permission denied. */
async function open(flags: string[], task: { libc?: string; revoke?: true } = {}): Promise<Report> {
  const others = ["read", "write", "net", "env", "run", "sys"].map((name) => `--deny-${name}`);
  const args = ["run", "--no-prompt", ...others, ...flags, PROGRAM, JSON.stringify(task)];
  const { code, stdout, stderr } = await runDeno(args);
  if (code !== 0) throw new Error(`Exit code ${code}: ${stdout}\n${stderr}`);
  return JSON.parse(stdout) as Report;
}

function assertHears(report: Report): void {
  assertEquals(report.error, undefined, report.message);
  assertEquals(report.hears, true);
  assertEquals(report.views, report.interfaces?.length);
  assertEquals(report.interfaces?.includes("lo"), true);
}

const GRANTS: [name: string, flags: () => string[]][] = [
  ["a grant of every path", () => ["--allow-ffi"]],
  ["a grant of its absolute path", () => [`--allow-ffi=${libcPath()}`]],
  ["a grant of its folder", () => [`--allow-ffi=${libcPath().replace(/\/[^/]*$/, "")}`]],
  ["a grant of a folder above", () => [`--allow-ffi=/${libcPath().split("/")[1]}`]],
  [
    "a grant of a list that contains it",
    () => [`--allow-ffi=/nowhere/libc.so.6,${libcPath()},/nowhere/else`],
  ],
  ["a grant of all candidates", () => [`--allow-ffi=${candidates.join(",")}`]],
];

for (const [name, flags] of GRANTS) {
  skippable({
    name: `LinuxSource.open() needs no more than ${name}`,
    needs: NEEDS,
    fn: async () => assertHears(await open(flags())),
  });
}

skippable({
  name: "LinuxSource.open() opens the path of the option libc",
  needs: NEEDS,
  fn: async () => {
    assertHears(await open([`--allow-ffi=${libcPath()}`], { libc: libcPath() }));
    assertHears(await open(["--allow-ffi"], { libc: libcPath() }));
  },
});

skippable({
  name: "LinuxSource.open() without permission names the flag with the best path",
  needs: NEEDS,
  fn: async () => {
    for (const flags of [[], ["--deny-ffi"], ["--allow-ffi=/nowhere/libc.so.6"]]) {
      const { error, message } = await open(flags);
      assertEquals(error, "NotCapable", message);
      assert(message!.startsWith(`--allow-ffi=${candidates[0]} is needed`), message);
      assert(message!.endsWith("elsewhere)"), message); // nothing was revoked
    }
  },
});

skippable({
  name: "LinuxSource.open() works with the flag that its error names, if that file exists",
  needs: NEEDS,
  fn: async () => {
    const [flag = ""] = (await open([])).message!.split(" ");
    const report = await open([flag]);
    if (existsSync(flag.replace("--allow-ffi=", ""))) assertHears(report);
    else assertEquals(report.error, "NotFound", report.message);
  },
});

skippable({
  name: "LinuxSource.open() without permission for the option libc names the flag with its path",
  needs: NEEDS,
  fn: async () => {
    const { error, message } = await open([`--allow-ffi=${libcPath()}`], { libc: "/opt/libc.so" });
    assertEquals(error, "NotCapable");
    assert(message!.startsWith("--allow-ffi=/opt/libc.so is needed"), message);
  },
});

skippable({
  name: "LinuxSource.open() lists the granted paths that do not exist and names the option libc",
  needs: NEEDS,
  fn: async () => {
    const missing = candidates.filter((path) => !existsSync(path));
    const { error, message } = await open([`--allow-ffi=${missing.join(",")}`]);
    assertEquals(error, "NotFound", message);
    for (const path of missing) assertStringIncludes(message!, `${path} (`);
    assertStringIncludes(message!, "option libc");
  },
});

skippable({
  name: "LinuxSource.open() refuses musl if Deno is built for glibc",
  needs: NEEDS,
  fn: async () => {
    if (!Deno.build.target.endsWith("-gnu")) return;
    const musl = `/lib/ld-musl-${Deno.build.arch}.so.1`;
    for (const flag of ["--allow-ffi", `--allow-ffi=${musl}`]) {
      const { error, message } = await open([flag], { libc: musl });
      assertEquals(error, "TypeError", message);
      assertStringIncludes(message!, "The option libc names musl");
    }
    const { error, message } = await open([`--allow-ffi=${musl}`]);
    assertEquals(error, "NotCapable", message);
  },
});

skippable({
  name: "LinuxSource.open() says why it cannot open the option libc",
  needs: NEEDS,
  fn: async () => {
    for (const path of ["/nowhere/libc.so.6", fileURLToPath(new URL("deno.json", ROOT))]) {
      const { error, message } = await open(["--allow-ffi"], { libc: path });
      assertEquals(error, "NotFound", message);
      assertStringIncludes(message!, `tried ${path} (`);
      assertStringIncludes(message!, "option libc");
    }
  },
});

skippable({
  name: "LinuxSource keeps working when the permission is revoked, and shares the open library",
  needs: NEEDS,
  fn: async () => {
    const path = libcPath();
    const cases: [string, { revoke: true; libc?: string }][] = [
      ["--allow-ffi", { revoke: true }],
      ["--allow-ffi", { revoke: true, libc: path }],
      [`--allow-ffi=${path}`, { revoke: true }],
    ];
    for (const [flag, task] of cases) {
      const report = await open([flag], task);
      assertHears(report);
      assertEquals([report.state, report.granted], ["prompt", true]);
      assertEquals(report.second, report.interfaces?.length);
      assertEquals(report.afterwards?.error, "NotCapable");
      assertStringIncludes(report.afterwards!.message, "must keep a monitor open");
    }
  },
});

skippable({
  name: "ffi/ modules request and open nothing when they are imported",
  needs: [read, run],
  fn: async () => {
    const urls = [...modules(new URL("ffi/", ROOT))];
    const { code, stdout, stderr } = await runDeno([
      "run",
      "--no-prompt",
      `--allow-read=${fileURLToPath(ROOT)}`,
      "tests/support/programs/import_all.ts",
      ...urls,
    ]);
    assertEquals([code, stdout.trim()], [0, String(urls.length)], stderr);
    assertEquals(urls.length > 10, true);
  },
});

function* modules(folder: URL): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) yield* modules(new URL(`${entry.name}/`, folder));
    else if (entry.name.endsWith(".ts")) yield new URL(entry.name, folder).href;
  }
}
