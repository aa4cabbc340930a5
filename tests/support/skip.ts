/**
 * Tests with needs that a machine may lack. They are then ignored and the reason is printed; they never
 * pass silently.
 *
 * @module
 */
import { existsSync } from "node:fs";

/** Something that a test needs. */
export type Need =
  /** Linux. */
  | "linux"
  /** A private network namespace by `unshare -rn`: needs root or user namespaces. */
  | "unshare"
  /** iproute2's `ip`. */
  | "ip"
  /** A C compiler. */
  | "gcc"
  /** util-linux's `script`, which runs a program in a new terminal. */
  | "script"
  /** Chromium. */
  | "chromium"
  /** Write access to /dev/net/tun, which udev gives to everybody. */
  | "tun"
  /** Write access to /dev/userfaultfd, which only root has, since Linux 6.1. */
  | "userfaultfd"
  /** A granted permission, such as `{ name: "ffi" }`. */
  | { permission: Deno.PermissionDescriptor };

/** A test and its needs. */
export interface SkippableTest extends Deno.TestDefinition {
  /** All needs of the test. */
  needs: readonly Need[];
}

/** Permission to load libraries. */
export const ffi: Need = { permission: { name: "ffi" } };

/** Permission to read any file. */
export const read: Need = { permission: { name: "read" } };

/** Permission to write any file. */
export const write: Need = { permission: { name: "write" } };

/** Permission to start any program. */
export const run: Need = { permission: { name: "run" } };

/** Permission to listen on and connect to this machine. */
export const net: Need = { permission: { name: "net", host: "127.0.0.1" } };

/** Permission to list the network interfaces. */
export const networkInterfaces: Need = { permission: { name: "sys", kind: "networkInterfaces" } };

type Command = Exclude<Need, "linux" | object>;

const COMMANDS: Record<Command, readonly [string, ...string[]]> = {
  unshare: ["unshare", "-rn", "true"],
  ip: ["ip", "-Version"],
  gcc: ["gcc", "--version"],
  script: ["script", "--version"],
  chromium: ["chromium", "--version"],
  tun: ["test", "-w", "/dev/net/tun"],
  userfaultfd: ["test", "-w", "/dev/userfaultfd"],
};

const commandReasons = new Map<string, string | null>();

/** Registers the test. If one of its needs is missing, it is ignored and the reason is printed. */
export function skippable({ needs, ...test }: SkippableTest): void {
  const reason = missing(needs);
  if (reason !== null) console.log(`skipped: ${test.name}: ${reason}`);
  Deno.test({ ...test, ignore: test.ignore === true || reason !== null });
}

/** Describes the first missing need; null if none is missing. */
export function missing(needs: readonly Need[]): string | null {
  for (const need of needs) {
    const reason = reasonAgainst(need);
    if (reason !== null) return reason;
  }
  return null;
}

function reasonAgainst(need: Need): string | null {
  if (need === "linux") return Deno.build.os === "linux" ? null : "needs Linux";
  if (typeof need === "string") return cached(need, () => reasonAgainstCommand(COMMANDS[need]));
  return isGranted(need.permission) ? null : `needs ${flagOf(need.permission)}`;
}

function reasonAgainstCommand([command, ...args]: readonly [string, ...string[]]): string | null {
  const permission: Deno.PermissionDescriptor = { name: "run", command };
  if (!isGranted(permission)) return `needs ${flagOf(permission)}`;
  try {
    const { success } = new Deno.Command(command, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return success ? null : `'${[command, ...args].join(" ")}' fails here`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `'${command}' is not installed`;
    throw error;
  }
}

/** Whether a folder of captures exists and may be read. It may be missing: no test is ignored for it. */
export function isReadable(folder: URL): boolean {
  return isGranted({ name: "read", path: folder }) && existsSync(folder);
}

function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

function flagOf(permission: Deno.PermissionDescriptor): string {
  const scope = Object.entries(permission).find(([key]) => key !== "name")?.[1];
  return `--allow-${permission.name}${scope === undefined ? "" : `=${scope}`}`;
}

/** Checks a command once per test file, however many tests need it. */
function cached(key: string, find: () => string | null): string | null {
  const known = commandReasons.get(key);
  if (known !== undefined) return known;
  const found = find();
  commandReasons.set(key, found);
  return found;
}
