/**
 * Where `openLibrary()` looks and what it asks the user, with faked permissions and libraries.
 * `library_permission_test.ts` uses the real ones.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { libraryGranted, openLibrary } from "../../ffi/library.ts";
import { LIBC_SYMBOLS, libcRequest } from "../../ffi/linux/syscalls.ts";

/** A machine and its user. */
interface Machine {
  /** Names and paths that open. */
  libraries: string[];
  /** FFI grants at the start; `"*"` covers every path. */
  granted?: string[];
  /** Paths that `--deny-ffi` names. */
  denied?: string[];
  /** Paths that the user grants at the prompt. */
  yesTo?: string[];
  /** Read permission for every path is granted. */
  readable?: boolean;
}

interface Log {
  opened: string[];
  asked: string[];
}

/** Runs the body with `Deno.dlopen`, `Deno.stat` and `Deno.permissions` replaced by the machine's. */
async function on<T>(machine: Machine, body: () => Promise<T>): Promise<[T | Error, Log]> {
  const { dlopen, stat } = Deno;
  const { querySync, request } = Deno.permissions;
  const granted = new Set(machine.granted);
  const log: Log = { opened: [], asked: [] };
  const state = (path: string | URL | undefined) => {
    if (granted.has("*") || granted.has(String(path))) return "granted";
    return machine.denied?.includes(String(path)) ? "denied" : "prompt";
  };
  const status = (it: Deno.PermissionDescriptor) => ({
    state: it.name === "read"
      ? machine.readable ? "granted" : "prompt"
      : state((it as Deno.FfiPermissionDescriptor).path),
  });
  Deno.permissions.querySync = status as unknown as typeof querySync;
  Deno.permissions.request = ((it: Deno.FfiPermissionDescriptor) => {
    log.asked.push(String(it.path));
    if (machine.yesTo?.includes(String(it.path))) granted.add(String(it.path));
    return Promise.resolve(status(it));
  }) as unknown as typeof request;
  Deno.dlopen = ((name: string) => {
    if (state(name) !== "granted") throw new Deno.errors.NotCapable("Requires ffi access");
    log.opened.push(name);
    if (!machine.libraries.includes(name)) throw new Error(`${name}: cannot open`);
    return { name };
  }) as unknown as typeof dlopen;
  Deno.stat =
    ((path: string) =>
      machine.libraries.includes(path)
        ? Promise.resolve({})
        : Promise.reject(new Deno.errors.NotFound(path))) as unknown as typeof stat;
  try {
    return [await body().catch((error: Error) => error), log];
  } finally {
    Object.assign(Deno, { dlopen, stat });
    Object.assign(Deno.permissions, { querySync, request });
  }
}

const REQUEST = { what: "the C library", symbols: {}, sonames: ["a.so.6", "a.so"] };
const CANDIDATES = ["/lib/1/a.so", "/lib/2/a.so", "/lib/3/a.so"];

interface Case {
  name: string;
  machine: Machine;
  path?: string;
  /** The library that opens; left out where opening fails. */
  opens?: string;
  fails?: typeof Deno.errors.NotCapable | typeof Deno.errors.NotFound;
  /** Parts of the error message. */
  says?: string[];
  asked?: string[];
  tried?: string[];
}

const CASES: Case[] = [
  {
    name: "by soname if every path is granted",
    machine: { libraries: ["a.so.6", "/lib/1/a.so"], granted: ["*"] },
    opens: "a.so.6",
  },
  {
    name: "by the next soname if the first does not exist",
    machine: { libraries: ["a.so"], granted: ["*"] },
    opens: "a.so",
    tried: ["a.so.6", "a.so"],
  },
  {
    name: "a candidate if no soname exists",
    machine: { libraries: ["/lib/2/a.so"], granted: ["*"] },
    opens: "/lib/2/a.so",
  },
  {
    name: "nothing, and lists every place tried",
    machine: { libraries: [], granted: ["*"] },
    fails: Deno.errors.NotFound,
    says: ["the C library", "a.so.6", "a.so (", ...CANDIDATES, "option libc"],
  },
  {
    name: "the granted candidate without a prompt",
    machine: { libraries: CANDIDATES, granted: ["/lib/3/a.so"] },
    opens: "/lib/3/a.so",
    tried: ["/lib/3/a.so"],
  },
  {
    name: "the next granted candidate if the first does not exist",
    machine: { libraries: ["/lib/3/a.so"], granted: ["/lib/1/a.so", "/lib/3/a.so"] },
    opens: "/lib/3/a.so",
    tried: ["/lib/1/a.so", "/lib/3/a.so"],
  },
  {
    name: "the candidate that the user grants at the prompt",
    machine: { libraries: CANDIDATES, yesTo: CANDIDATES },
    opens: "/lib/1/a.so",
    asked: ["/lib/1/a.so"],
  },
  {
    name: "the next candidate if the one granted at the prompt does not exist",
    machine: { libraries: ["/lib/2/a.so"], yesTo: CANDIDATES },
    opens: "/lib/2/a.so",
    asked: ["/lib/1/a.so", "/lib/2/a.so"],
  },
  {
    name: "a candidate granted at the prompt if the one granted before does not exist",
    machine: { libraries: ["/lib/1/a.so"], granted: ["/lib/2/a.so"], yesTo: CANDIDATES },
    opens: "/lib/1/a.so",
    asked: ["/lib/1/a.so"],
  },
  {
    name: "nothing if the user says no once, and names one flag",
    machine: { libraries: CANDIDATES },
    fails: Deno.errors.NotCapable,
    says: ["NotCapable: --allow-ffi=/lib/1/a.so is needed to open the C library"],
    asked: ["/lib/1/a.so"],
    tried: [],
  },
  {
    name: "nothing if the only granted candidate does not exist, and asks for the option libc",
    machine: { libraries: ["/lib/1/a.so"], granted: ["/lib/2/a.so"] },
    fails: Deno.errors.NotFound,
    says: ["tried /lib/2/a.so (cannot open). Give its absolute path in the option libc"],
    asked: ["/lib/1/a.so"],
    tried: ["/lib/2/a.so"],
  },
  {
    name: "the candidate that exists, and prompts for no other, if it can see which one does",
    machine: { libraries: ["/lib/3/a.so"], yesTo: CANDIDATES, readable: true },
    opens: "/lib/3/a.so",
    asked: ["/lib/3/a.so"],
  },
  {
    name: "nothing if the user says no, and names the flag of the candidate that exists",
    machine: { libraries: ["/lib/3/a.so"], readable: true },
    fails: Deno.errors.NotCapable,
    says: ["NotCapable: --allow-ffi=/lib/3/a.so is needed"],
    asked: ["/lib/3/a.so"],
  },
  {
    name: "nothing if every candidate is denied, without a prompt",
    machine: { libraries: CANDIDATES, denied: CANDIDATES },
    fails: Deno.errors.NotCapable,
    says: ["--allow-ffi=/lib/1/a.so "],
    tried: [],
  },
  {
    name: "the candidate that is not denied",
    machine: {
      libraries: CANDIDATES,
      denied: ["/lib/1/a.so", "/lib/2/a.so"],
      yesTo: ["/lib/3/a.so"],
    },
    opens: "/lib/3/a.so",
    asked: ["/lib/3/a.so"],
  },
  {
    name: "the given path and no soname",
    machine: { libraries: ["a.so.6", "/opt/a.so"], granted: ["*"] },
    path: "/opt/a.so",
    opens: "/opt/a.so",
    tried: ["/opt/a.so"],
  },
  {
    name: "the given path if the user grants it at the prompt",
    machine: { libraries: ["/opt/a.so"], yesTo: ["/opt/a.so"] },
    path: "/opt/a.so",
    opens: "/opt/a.so",
    asked: ["/opt/a.so"],
  },
  {
    name: "nothing if the given path does not exist although a candidate does",
    machine: { libraries: ["a.so.6", ...CANDIDATES], granted: ["*"] },
    path: "/opt/a.so",
    fails: Deno.errors.NotFound,
    says: ["tried /opt/a.so (cannot open). Correct the option libc"],
    tried: ["/opt/a.so"],
  },
  {
    name: "nothing if the given path is not granted, and names its flag",
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

Deno.test("openLibrary() names the flag if Deno refuses a path whose permission is granted", async () => {
  const [path] = CANDIDATES;
  const [error] = await on({ libraries: [], granted: [path!] }, () => {
    Deno.dlopen = () => {
      throw new Deno.errors.NotCapable("Requires ffi access"); // as to the target of a link
    };
    return openLibrary({ ...REQUEST, candidates: CANDIDATES });
  });
  assert(error instanceof Deno.errors.NotCapable, String(error));
  assertStringIncludes(error.message, `--allow-ffi=${path} is needed`);
});

Deno.test("openLibrary() passes on an error that is neither a refusal nor a missing library", async () => {
  const machine: Machine = { libraries: [], granted: ["*"] };
  const broken = new Error("The permission store is broken");
  await assertRejects(
    async () => {
      const [result] = await on(machine, () => {
        Deno.permissions.querySync = () => {
          throw broken;
        };
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
  Deno.test(`libraryGranted() is ${expected} under ${name}, without a prompt`, async () => {
    const [result, log] = await on(
      machine,
      () =>
        Promise.resolve({
          granted: libraryGranted({ what: "", sonames: [], candidates: CANDIDATES, path }),
        }),
    );
    assertEquals(result, { granted: expected } as unknown as Error);
    assertEquals(log, { opened: [], asked: [] });
  });
}

const BUILDS = {
  gnu: { arch: "x86_64", target: "x86_64-unknown-linux-gnu" },
  gnuArm: { arch: "aarch64", target: "aarch64-unknown-linux-gnu" },
  musl: { arch: "x86_64", target: "x86_64-alpine-linux-musl" },
  muslArm: { arch: "aarch64", target: "aarch64-unknown-linux-musl" },
  android: { arch: "aarch64", target: "aarch64-linux-android" },
} as const;

Deno.test("libcRequest() searches only for the C library that Deno is linked to", () => {
  for (const build of Object.values(BUILDS)) {
    const { candidates, sonames } = libcRequest(undefined, build);
    assert(candidates.every((path) => path.startsWith("/")));
    assertEquals(new Set(candidates).size, candidates.length);
    const isGlibc = (name: string) => name.endsWith("libc.so.6");
    const foreign = [...candidates, ...sonames].filter((name) =>
      isGlibc(name) !== build.target.endsWith("gnu")
    );
    assertEquals(foreign, [], build.target);
  }
});

Deno.test("libcRequest() puts the most common path first", () => {
  const best = (build: typeof BUILDS[keyof typeof BUILDS]) =>
    libcRequest(undefined, build).candidates[0];
  assertEquals(best(BUILDS.gnu), "/lib/x86_64-linux-gnu/libc.so.6");
  assertEquals(best(BUILDS.gnuArm), "/lib/aarch64-linux-gnu/libc.so.6");
  assertEquals(best(BUILDS.musl), "/lib/ld-musl-x86_64.so.1");
  assertEquals(best(BUILDS.muslArm), "/lib/ld-musl-aarch64.so.1");
});

Deno.test("libcRequest() refuses musl on a Deno that is built for glibc", () => {
  for (
    const path of [
      "/lib/ld-musl-x86_64.so.1",
      "/lib/libc.musl-aarch64.so.1",
      "/usr/lib/x86_64-linux-musl/libc.so",
      "/opt/Musl/lib/libc.so",
    ]
  ) {
    const error = assertThrows(
      () => libcRequest(path, BUILDS.gnu),
      TypeError,
      `The option libc names musl ('${path}')`,
    );
    assertStringIncludes(error.message, " such as /lib/x86_64-linux-gnu/libc.so.6");
    assertEquals(libcRequest(path, BUILDS.musl).path, path);
  }
  for (const path of ["/opt/libc.so", "/home/musl/lib/libc.so.6"]) {
    assertEquals(libcRequest(path, BUILDS.gnu).path, path);
  }
});

Deno.test("libcRequest() requires a symbol of glibc, which musl under another name lacks", () => {
  assert("gnu_get_libc_version" in libcRequest("/opt/libc.so", BUILDS.gnu).symbols);
  assert(!("gnu_get_libc_version" in libcRequest(undefined, BUILDS.musl).symbols));
});

Deno.test("LIBC_SYMBOLS has no variadic function, which Apple's arm64 ABI calls differently", () => {
  const variadic = ["fcntl", "ioctl", "open", "openat", "prctl", "syscall", "printf", "semctl"];
  const names = Object.entries(LIBC_SYMBOLS).map(([key, it]) => "name" in it ? it.name : key);
  assertEquals(names.filter((name) => variadic.includes(name)), []);
});
