/**
 * How the C library is found and what is asked of the user, over permissions and libraries that the test
 * plays. `library_permission_test.ts` does it for real.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { libraryGranted, openLibrary } from "../../ffi/library.ts";
import { LIBC_SYMBOLS, libcRequest } from "../../ffi/linux/libc.ts";

/** A machine with these libraries, and a user with these answers. */
interface Machine {
  /** Names and paths that open. */
  libraries: string[];
  /** Granted from the start; `"*"` is the blanket grant. */
  granted?: string[];
  /** Refused from the start. */
  denied?: string[];
  /** What the user says yes to. */
  yesTo?: string[];
}

interface Log {
  opened: string[];
  asked: string[];
}

/** Plays the machine while the body runs. */
async function on<T>(machine: Machine, body: () => Promise<T>): Promise<[T | Error, Log]> {
  const { dlopen } = Deno;
  const { query, request } = Deno.permissions;
  const granted = new Set(machine.granted);
  const log: Log = { opened: [], asked: [] };
  const state = (path: string | URL | undefined) => {
    if (granted.has("*") || granted.has(String(path))) return "granted";
    return machine.denied?.includes(String(path)) ? "denied" : "prompt";
  };
  const status = (it: Deno.PermissionDescriptor) =>
    Promise.resolve({ state: state((it as Deno.FfiPermissionDescriptor).path) });
  Deno.permissions.query = status as unknown as typeof query;
  Deno.permissions.request = ((it: Deno.FfiPermissionDescriptor) => {
    log.asked.push(String(it.path));
    if (machine.yesTo?.includes(String(it.path))) granted.add(String(it.path));
    return status(it);
  }) as unknown as typeof request;
  Deno.dlopen = ((name: string) => {
    if (state(name) !== "granted") throw new Deno.errors.NotCapable("Requires ffi access");
    log.opened.push(name);
    if (!machine.libraries.includes(name)) throw new Error(`${name}: cannot open`);
    return { name };
  }) as unknown as typeof dlopen;
  try {
    return [await body().catch((error: Error) => error), log];
  } finally {
    Object.assign(Deno, { dlopen });
    Object.assign(Deno.permissions, { query, request });
  }
}

const REQUEST = { what: "the C library", symbols: {}, sonames: ["a.so.6", "a.so"] };
const CANDIDATES = ["/lib/1/a.so", "/lib/2/a.so", "/lib/3/a.so"];

interface Case {
  name: string;
  machine: Machine;
  path?: string;
  /** What opens, or what the error's message has. */
  opens?: string;
  fails?: typeof Deno.errors.NotCapable | typeof Deno.errors.NotFound;
  says?: string[];
  asked?: string[];
  tried?: string[];
}

const CASES: Case[] = [
  {
    name: "by soname under a blanket grant",
    machine: { libraries: ["a.so.6", "/lib/1/a.so"], granted: ["*"] },
    opens: "a.so.6",
  },
  {
    name: "by the next soname",
    machine: { libraries: ["a.so"], granted: ["*"] },
    opens: "a.so",
    tried: ["a.so.6", "a.so"],
  },
  {
    name: "by an absolute path when no soname is known, under a blanket grant",
    machine: { libraries: ["/lib/2/a.so"], granted: ["*"] },
    opens: "/lib/2/a.so",
  },
  {
    name: "nothing, with everything that was tried, under a blanket grant",
    machine: { libraries: [], granted: ["*"] },
    fails: Deno.errors.NotFound,
    says: ["the C library", "a.so.6", "a.so (", ...CANDIDATES, "option libc"],
  },
  {
    name: "the path that is granted, and asks nothing",
    machine: { libraries: CANDIDATES, granted: ["/lib/3/a.so"] },
    opens: "/lib/3/a.so",
    tried: ["/lib/3/a.so"],
  },
  {
    name: "the next one granted when the first is not there",
    machine: { libraries: ["/lib/3/a.so"], granted: ["/lib/1/a.so", "/lib/3/a.so"] },
    opens: "/lib/3/a.so",
    tried: ["/lib/1/a.so", "/lib/3/a.so"],
  },
  {
    name: "what the user grants, asked once",
    machine: { libraries: CANDIDATES, yesTo: CANDIDATES },
    opens: "/lib/1/a.so",
    asked: ["/lib/1/a.so"],
  },
  {
    name: "the next one, asked for when the one granted is not there",
    machine: { libraries: ["/lib/2/a.so"], yesTo: CANDIDATES },
    opens: "/lib/2/a.so",
    asked: ["/lib/1/a.so", "/lib/2/a.so"],
  },
  {
    name: "the one asked for after a granted one that is not there",
    machine: { libraries: ["/lib/1/a.so"], granted: ["/lib/2/a.so"], yesTo: CANDIDATES },
    opens: "/lib/1/a.so",
    asked: ["/lib/1/a.so"],
  },
  {
    name: "nothing when the user says no, asked once, with the flag to give",
    machine: { libraries: CANDIDATES },
    fails: Deno.errors.NotCapable,
    says: [`--allow-ffi=${CANDIDATES.join(",")}`],
    asked: ["/lib/1/a.so"],
    tried: [],
  },
  {
    name: "nothing when all is denied, without a question",
    machine: { libraries: CANDIDATES, denied: CANDIDATES },
    fails: Deno.errors.NotCapable,
    says: [`--allow-ffi=${CANDIDATES.join(",")}`],
    tried: [],
  },
  {
    name: "the one that is not denied",
    machine: {
      libraries: CANDIDATES,
      denied: ["/lib/1/a.so", "/lib/2/a.so"],
      yesTo: ["/lib/3/a.so"],
    },
    opens: "/lib/3/a.so",
    asked: ["/lib/3/a.so"],
  },
  {
    name: "the given path and no other, under a blanket grant too",
    machine: { libraries: ["a.so.6", "/opt/a.so"], granted: ["*"] },
    path: "/opt/a.so",
    opens: "/opt/a.so",
    tried: ["/opt/a.so"],
  },
  {
    name: "the given path, asked for",
    machine: { libraries: ["/opt/a.so"], yesTo: ["/opt/a.so"] },
    path: "/opt/a.so",
    opens: "/opt/a.so",
    asked: ["/opt/a.so"],
  },
  {
    name: "nothing when the given path is not there, though others are",
    machine: { libraries: ["a.so.6", ...CANDIDATES], granted: ["*"] },
    path: "/opt/a.so",
    fails: Deno.errors.NotFound,
    says: ["/opt/a.so"],
    tried: ["/opt/a.so"],
  },
  {
    name: "nothing when the given path is refused, with the flag for it",
    machine: { libraries: CANDIDATES, granted: CANDIDATES },
    path: "/opt/a.so",
    fails: Deno.errors.NotCapable,
    says: ["--allow-ffi=/opt/a.so "],
    asked: ["/opt/a.so"],
    tried: [],
  },
];

for (const { name, machine, path, opens, fails, says = [], asked = [], tried } of CASES) {
  Deno.test(`openLibrary() opens ${name}`, async () => {
    const [result, log] = await on(
      machine,
      () => openLibrary({ ...REQUEST, candidates: CANDIDATES, path }),
    );
    if (fails === undefined) assertEquals(result, { name: opens } as unknown as Error);
    else assert(result instanceof fails, String(result));
    for (const text of says) assertStringIncludes(String(result), text);
    assertEquals(log.asked, asked);
    if (tried !== undefined) assertEquals(log.opened, tried);
  });
}

Deno.test("openLibrary() throws what is no refusal and no missing library", async () => {
  const machine: Machine = { libraries: [], granted: ["*"] };
  const broken = new Error("The permission store is broken");
  await assertRejects(
    async () => {
      const [result] = await on(machine, () => {
        Deno.permissions.query = () => Promise.reject(broken);
        return openLibrary({ ...REQUEST, candidates: CANDIDATES });
      });
      throw result;
    },
    Error,
    broken.message,
  );
});

const GRANTED: [name: string, machine: Machine, path: string | undefined, granted: boolean][] = [
  ["a blanket grant", { libraries: [], granted: ["*"] }, undefined, true],
  ["a grant of one candidate", { libraries: [], granted: ["/lib/3/a.so"] }, undefined, true],
  ["no grant", { libraries: CANDIDATES, yesTo: CANDIDATES }, undefined, false],
  ["a grant of the given path", { libraries: [], granted: ["/opt/a.so"] }, "/opt/a.so", true],
  ["a grant of other paths", { libraries: [], granted: CANDIDATES }, "/opt/a.so", false],
];

for (const [name, machine, path, expected] of GRANTED) {
  Deno.test(`libraryGranted() is ${expected} under ${name}, and asks nothing`, async () => {
    const [result, log] = await on(
      machine,
      async () => ({ granted: await libraryGranted({ candidates: CANDIDATES, path }) }),
    );
    assertEquals(result, { granted: expected } as unknown as Error);
    assertEquals(log, { opened: [], asked: [] });
  });
}

Deno.test("libcRequest() has absolute candidates of the machine's architecture, each once", () => {
  for (const arch of ["x86_64", "aarch64"]) {
    const { candidates, path } = libcRequest(undefined, arch);
    assertEquals(path, undefined);
    assert(candidates.every((one) => one.startsWith("/")));
    assertEquals(new Set(candidates).size, candidates.length);
    assert(candidates.includes(`/lib/${arch}-linux-gnu/libc.so.6`));
    assert(candidates.includes(`/lib/ld-musl-${arch}.so.1`));
  }
  assertEquals(libcRequest("/opt/libc.so").path, "/opt/libc.so");
});

Deno.test("LIBC_SYMBOLS has no variadic function, whose arguments travel differently on Apple arm64", () => {
  const variadic = ["fcntl", "ioctl", "open", "openat", "prctl", "syscall", "printf", "semctl"];
  const names = Object.entries(LIBC_SYMBOLS).map(([key, it]) => "name" in it ? it.name : key);
  assertEquals(names.filter((name) => variadic.includes(name)), []);
});
