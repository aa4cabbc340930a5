/**
 * The least permission, for real: programs that may do nothing but what each test grants.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { libcRequest } from "../../ffi/linux/libc.ts";
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
  second?: number;
  afterwards?: { error: string; message: string };
}

/** Runs the program with these flags and no other right. */
async function open(flags: string[], task: { libc?: string; revoke?: true } = {}): Promise<Report> {
  const others = ["read", "write", "net", "env", "run", "sys"].map((name) => `--deny-${name}`);
  const args = ["run", "--no-prompt", ...others, ...flags, PROGRAM, JSON.stringify(task)];
  const { code, stdout, stderr } = await runDeno(args);
  if (code !== 0) throw new Error(`Exit code ${code}: ${stdout}\n${stderr}`);
  return JSON.parse(stdout) as Report;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Where it is on this machine. */
function libc(): string {
  const path = candidates.find(exists);
  if (path === undefined) throw new Error(`None of ${candidates.join(", ")} is here`);
  return path;
}

function assertHears(report: Report): void {
  assertEquals(report.error, undefined, report.message);
  assertEquals(report.hears, true);
  assertEquals(report.views, report.interfaces?.length);
  assertEquals(report.interfaces?.includes("lo"), true);
}

const GRANTS: [name: string, flags: () => string[]][] = [
  ["a blanket grant", () => ["--allow-ffi"]],
  ["exactly one absolute path", () => [`--allow-ffi=${libc()}`]],
  ["the folder above it", () => [`--allow-ffi=${libc().replace(/\/[^/]*$/, "")}`]],
  ["a folder far above it", () => [`--allow-ffi=/${libc().split("/")[1]}`]],
  ["a list that holds it", () => [`--allow-ffi=/nowhere/libc.so.6,${libc()},/nowhere/else`]],
  ["all candidates", () => [`--allow-ffi=${candidates.join(",")}`]],
];

for (const [name, flags] of GRANTS) {
  skippable({
    name: `LinuxSource.open() hears under ${name} and nothing else`,
    needs: NEEDS,
    fn: async () => assertHears(await open(flags())),
  });
}

skippable({
  name: "LinuxSource.open() takes the path of the option libc",
  needs: NEEDS,
  fn: async () => {
    assertHears(await open([`--allow-ffi=${libc()}`], { libc: libc() }));
    assertHears(await open(["--allow-ffi"], { libc: libc() }));
  },
});

skippable({
  name: "LinuxSource.open() without the right gives the one flag to paste, with all candidates",
  needs: NEEDS,
  fn: async () => {
    for (const flags of [[], ["--deny-ffi"], ["--allow-ffi=/nowhere/libc.so.6"]]) {
      const { error, message } = await open(flags);
      assertEquals(error, "NotCapable", message);
      assertStringIncludes(message!, `--allow-ffi=${candidates.join(",")} `);
    }
  },
});

skippable({
  name: "LinuxSource.open() works with the very flag that its refusal gives",
  needs: NEEDS,
  fn: async () => {
    const { message } = await open([]);
    const flag = message?.split(" ").find((word) => word.startsWith("--allow-ffi="));
    assertHears(await open([flag!]));
  },
});

skippable({
  name: "LinuxSource.open() without the right to the path of libc gives the flag for that path",
  needs: NEEDS,
  fn: async () => {
    const { error, message } = await open([`--allow-ffi=${libc()}`], { libc: "/opt/libc.so" });
    assertEquals(error, "NotCapable");
    assertStringIncludes(message!, "--allow-ffi=/opt/libc.so ");
  },
});

skippable({
  name: "LinuxSource.open() where no library is lists every path tried and names the option libc",
  needs: NEEDS,
  fn: async () => {
    const missing = candidates.filter((path) => !exists(path));
    const there = candidates.filter(exists);
    const { error, message } = await open([
      `--allow-ffi=${missing.join(",")}`,
      `--deny-ffi=${there.join(",")}`,
    ]);
    assertEquals(error, "NotFound", message);
    for (const path of missing) assertStringIncludes(message!, `${path} (`);
    assertStringIncludes(message!, "option libc");
  },
});

skippable({
  name: "LinuxSource.open() with a wrong libc says what is wrong with it",
  needs: NEEDS,
  fn: async () => {
    const text = new URL("deno.json", ROOT).pathname;
    for (const path of ["/nowhere/libc.so.6", text]) {
      const { error, message } = await open(["--allow-ffi"], { libc: path });
      assertEquals(error, "NotFound", message);
      assertStringIncludes(message!, `${path} (`);
      assertStringIncludes(message!, "option libc");
    }
  },
});

skippable({
  name: "LinuxSource goes on when the right is given away, and shares the open library",
  needs: NEEDS,
  fn: async () => {
    const path = libc();
    const cases: [string, { revoke: true; libc?: string }][] = [
      ["--allow-ffi", { revoke: true }],
      ["--allow-ffi", { revoke: true, libc: path }],
      [`--allow-ffi=${path}`, { revoke: true }],
    ];
    for (const [flag, task] of cases) {
      const report = await open([flag], task);
      assertHears(report);
      assertEquals(report.state, "prompt");
      assertEquals(report.second, report.interfaces?.length);
      assertEquals(report.afterwards?.error, "NotCapable");
      assertStringIncludes(report.afterwards!.message, "must keep a monitor open");
    }
  },
});

skippable({
  name: "ffi/ modules ask for nothing and open nothing when they are imported",
  needs: [read, run],
  fn: async () => {
    const urls = [...modules(new URL("ffi/", ROOT))];
    const { code, stdout, stderr } = await runDeno([
      "run",
      "--no-prompt",
      `--allow-read=${ROOT.pathname}`,
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
