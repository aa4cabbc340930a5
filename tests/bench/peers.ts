/**
 * The programs that are compared with netwatch: how each is built, and its version.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PEERS = fileURLToPath(new URL("peers/", import.meta.url));
const CACHE = `${
  Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/tmp"}/.cache`
}/netwatch-bench`;

/** A program to measure. */
export interface Peer {
  /** How `--peers` and the results name it. */
  name: string;
  /** How tables name it. */
  title: string;
  /** Of the library or tool that it uses. */
  version: string;
  /** The file to run and its arguments. */
  command: string[];
  /** Whether it listens to route changes, so that a storm of them concerns it. */
  routes?: boolean;
  /** The most rounds in which it is measured; default all. */
  rounds?: number;
  /** How to measure one-shot reads, where it has such: prints "first MS" and "warm MS". */
  read?: string[];
}

/** A peer that does not run here. */
export interface SkippedPeer {
  /** Its name. */
  name: string;
  /** Why it is missing. */
  reason: string;
}

interface Toolchain {
  /** Brings the programs into the cache. */
  build: string[][];
  env?: Record<string, string>;
}

interface Definition extends Omit<Peer, "version"> {
  toolchain?: keyof typeof TOOLCHAINS;
  version: () => string;
}

const deno = (program: string, ...args: string[]) => [
  Deno.execPath(),
  "run",
  "-A",
  "--no-check",
  `${PEERS}deno/${program}.ts`,
  ...args,
];
const python = (program: string) => [`${CACHE}/venv/bin/python`, `${PEERS}python/${program}.py`];
const denoVersion = () => `Deno ${Deno.version.deno}`;

const TOOLCHAINS = {
  c: {
    build: [["gcc", "-O2", "-pthread", "-o", `${CACHE}/receive`, `${PEERS}c/receive.c`]],
  },
  go: {
    build: [["go", "build", "-C", `${PEERS}go`, "-o", `${CACHE}/go/`, "./netmon", "./netlink"]],
  },
  rust: {
    build: [[
      "cargo",
      "build",
      "--release",
      "--locked",
      "--manifest-path",
      `${PEERS}rust/Cargo.toml`,
    ]],
    env: { CARGO_TARGET_DIR: `${CACHE}/cargo` },
  },
  python: {
    build: [
      ["python3", "-m", "venv", `${CACHE}/venv`],
      [`${CACHE}/venv/bin/pip`, "install", "--quiet", "-r", `${PEERS}python/requirements.txt`],
    ],
  },
} satisfies Record<string, Toolchain>;

const DEFINITIONS: Definition[] = [
  {
    name: "netwatch",
    routes: true,
    title: "netwatch (this module)",
    version: () => JSON.parse(read("../../../deno.json")).version,
    command: deno("netwatch"),
    read: deno("read", "netwatch"),
  },
  {
    name: "floor",
    title: "Deno, bare `await poll`",
    version: denoVersion,
    command: deno("floor"),
  },
  {
    name: "naive",
    title: "Deno.networkInterfaces() every second",
    version: denoVersion,
    command: deno("naive"),
    read: deno("read", "networkInterfaces"),
  },
  {
    name: "recv",
    title: "C, `recv` loop",
    version: () => output("gcc", "-dumpfullversion"),
    command: [`${CACHE}/receive`, "recv"],
    toolchain: "c",
  },
  {
    name: "poll",
    title: "C, `poll` loop",
    version: () => output("gcc", "-dumpfullversion"),
    command: [`${CACHE}/receive`, "poll"],
    toolchain: "c",
  },
  {
    name: "ip",
    title: "`ip monitor`",
    version: () => output("ip", "-Version").replace(/.*iproute2-([\d.]+).*/, "$1"),
    command: ["sh", `${PEERS}ip_monitor.sh`],
  },
  {
    name: "netmon",
    routes: true,
    title: "Tailscale netmon (Go)",
    version: () => pinned("go/go.mod", /tailscale\.com v(\S+)/),
    command: [`${CACHE}/go/netmon`],
    read: [`${CACHE}/go/netmon`, "read"],
    toolchain: "go",
  },
  {
    name: "netlink",
    routes: true,
    title: "vishvananda/netlink (Go)",
    version: () => pinned("go/go.mod", /vishvananda\/netlink v(\S+)/),
    command: [`${CACHE}/go/netlink`],
    toolchain: "go",
  },
  {
    name: "netwatch-rs",
    routes: true,
    title: "n0 netwatch (Rust)",
    version: () => pinned("rust/Cargo.toml", /^netwatch = "=([\d.]+)"/m),
    command: [`${CACHE}/cargo/release/netwatch`],
    read: [`${CACHE}/cargo/release/netwatch`, "read"],
    toolchain: "rust",
  },
  {
    name: "if-watch",
    title: "if-watch (Rust)",
    version: () => pinned("rust/Cargo.toml", /^if-watch = \{ version = "=([\d.]+)"/m),
    command: [`${CACHE}/cargo/release/if_watch`],
    toolchain: "rust",
  },
  {
    name: "iproute",
    routes: true,
    title: "pyroute2 IPRoute (Python)",
    version: () => pinned("python/requirements.txt", /pyroute2==(\S+)/),
    command: python("iproute"),
    toolchain: "python",
  },
  {
    name: "ndb",
    routes: true,
    title: "pyroute2 NDB (Python)",
    version: () => pinned("python/requirements.txt", /pyroute2==(\S+)/),
    command: python("ndb"),
    toolchain: "python",
  },
];

/** A Deno program that does nothing. */
export const EMPTY: Peer = {
  name: "empty",
  title: "empty Deno program",
  version: denoVersion(),
  command: deno("empty"),
};

/** The programs in TypeScript. */
export const DENO_PROGRAMS: string[] = ["empty", "floor", "naive", "netwatch", "read"]
  .map((program) => `${PEERS}deno/${program}.ts`);

/** All names that `--peers` knows. */
export const PEER_NAMES: string[] = DEFINITIONS.map(({ name }) => name);

/** Builds the programs; netwatch itself is always there. A failed build only skips what it should bring. */
export async function buildPeers(
  names: readonly string[],
  progress: (text: string) => void,
): Promise<{ peers: Peer[]; skipped: SkippedPeer[] }> {
  Deno.mkdirSync(CACHE, { recursive: true });
  const failures = new Map<string, string | null>();
  const peers: Peer[] = [];
  const skipped: SkippedPeer[] = [];
  for (const { toolchain, version, ...peer } of DEFINITIONS) {
    if (peer.name !== "netwatch" && !names.includes(peer.name)) continue;
    if (toolchain !== undefined && !failures.has(toolchain)) {
      progress(`building the ${toolchain} programs`);
      failures.set(toolchain, await build(TOOLCHAINS[toolchain]));
    }
    const reason = toolchain === undefined ? null : failures.get(toolchain)!;
    if (reason === null) peers.push({ ...peer, version: version() });
    else skipped.push({ name: peer.name, reason });
  }
  return { peers, skipped };
}

/** Returns why it failed, or null. */
async function build({ build, env = {} }: Toolchain): Promise<string | null> {
  for (const [file, ...args] of build) {
    if (file === "python3" && existsSync(`${CACHE}/venv/bin/pip`)) continue;
    try {
      const { code, stderr } = await new Deno.Command(file!, { args, env, stdout: "null" })
        .output();
      const last = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
      if (code !== 0) return `${file} failed: ${last}`;
    } catch {
      return `${file} is not installed`;
    }
  }
  return null;
}

function pinned(manifest: string, pattern: RegExp): string {
  return pattern.exec(read(manifest))![1]!;
}

function read(path: string): string {
  return Deno.readTextFileSync(`${PEERS}${path}`);
}

function output(command: string, ...args: string[]): string {
  const { stdout } = new Deno.Command(command, { args, stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout).trim();
}
