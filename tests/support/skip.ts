/**
 * Tests that need what a machine may lack: they are ignored with the reason printed, never passed
 * silently.
 *
 * @module
 */

/** What a test cannot run without. */
export type Need =
  /** The operating system is Linux. */
  | "linux"
  /** `unshare -rn` gives a private network namespace (as root, or where user namespaces are allowed). */
  | "unshare"
  /** iproute2's `ip`. */
  | "ip"
  /** A C compiler. */
  | "gcc"
  /** util-linux's `script`, which runs a program on a terminal of its own. */
  | "script"
  /** A granted permission, such as `{ name: "ffi" }`. */
  | { permission: Deno.PermissionDescriptor }
  /** A folder that exists and may be read. */
  | { folder: string | URL };

/** A test with what it needs. */
export interface SkippableTest extends Deno.TestDefinition {
  /** All of them are needed; the first that is missing is the reason. */
  needs: readonly Need[];
}

/** The granted right to use FFI. */
export const ffi: Need = { permission: { name: "ffi" } };

/** The granted right to read any file. */
export const read: Need = { permission: { name: "read" } };

/** The granted right to write any file. */
export const write: Need = { permission: { name: "write" } };

/** The granted right to start any program. */
export const run: Need = { permission: { name: "run" } };

/** The granted right to ask for the network interfaces. */
export const networkInterfaces: Need = { permission: { name: "sys", kind: "networkInterfaces" } };

const COMMANDS: Record<"unshare" | "ip" | "gcc" | "script", readonly [string, ...string[]]> = {
  unshare: ["unshare", "-rn", "true"],
  ip: ["ip", "-Version"],
  gcc: ["gcc", "--version"],
  script: ["script", "--version"],
};

const commandReasons = new Map<string, string | null>();

/** Registers a test that is ignored, with the reason printed, where something that it needs is missing. */
export function skippable({ needs, ...test }: SkippableTest): void {
  const reason = missing(needs);
  if (reason !== null) console.log(`skipped: ${test.name}: ${reason}`);
  Deno.test({ ...test, ignore: test.ignore === true || reason !== null });
}

/** The first of the needs that is missing, in words; null when nothing is. */
export function missing(needs: readonly Need[]): string | null {
  for (const need of needs) {
    const reason = reasonAgainst(need);
    if (reason !== null) return reason;
  }
  return null;
}

function reasonAgainst(need: Need): string | null {
  if (need === "linux") return Deno.build.os === "linux" ? null : "it is about Linux";
  if (typeof need === "string") return cached(need, () => reasonAgainstCommand(COMMANDS[need]));
  if ("folder" in need) return reasonAgainstFolder(need.folder);
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

function reasonAgainstFolder(folder: string | URL): string | null {
  const permission: Deno.PermissionDescriptor = { name: "read", path: folder };
  if (!isGranted(permission)) return `needs ${flagOf(permission)}`;
  try {
    return Deno.statSync(folder).isDirectory ? null : `'${folder}' is not a folder`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `the folder '${folder}' is not there`;
    throw error;
  }
}

/** Whether the permission is granted. */
export function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

function flagOf(permission: Deno.PermissionDescriptor): string {
  const scope = Object.entries(permission).find(([key]) => key !== "name")?.[1];
  return `--allow-${permission.name}${scope === undefined ? "" : `=${scope}`}`;
}

/** A program is asked once a test file, however many tests need it. */
function cached(key: string, find: () => string | null): string | null {
  const known = commandReasons.get(key);
  if (known !== undefined) return known;
  const found = find();
  commandReasons.set(key, found);
  return found;
}
