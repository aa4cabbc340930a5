// Finds and opens libraries of the operating system with the least permission. `Deno.dlopen` is
// called here and nowhere else.
//
// Deno accepts a soname only when the FFI permission covers every path: `--allow-ffi=libc.so.6` means a file in the
// working directory (denoland/deno#29246). An absolute path works when that path is granted.

/** A library, the functions to load and the places to look for it. */
export interface LibraryRequest<S extends Deno.ForeignLibraryInterface> {
  symbols: S;
  what: string; // the library's name in messages, such as `"the C library"`
  sonames: readonly string[]; // names that the dynamic linker searches for, best first
  candidates: readonly string[]; // absolute paths where the library may be, best first
  /** The absolute path of the library, if the user gave one; then no other place is tried. */
  path?: string | undefined;
  /** For error messages, if several libraries are needed: all paths to grant, and what to do if one is missing. */
  advice?: { readonly grant: string; readonly notFound: string } | undefined;
}

type LibraryPlaces = Omit<LibraryRequest<never>, "symbols">;

/**
 * Opens a library: at `path` if given; by soname if every path is granted; else at the first candidate
 * that is granted, or that the user grants at the prompt. The caller closes it.
 *
 * @throws {Deno.errors.NotCapable} if the permission is missing; the message starts with the flag.
 * @throws {Deno.errors.NotFound} if the library cannot be opened; the message lists the places tried.
 */
export async function openLibrary<S extends Deno.ForeignLibraryInterface>(
  request: LibraryRequest<S>,
): Promise<Deno.DynamicLibrary<S>> {
  const failures: string[] = [];
  const places = await placesOf(request);
  for (const place of places) {
    const library = ffiPermission(place) === "granted" ? open(place, request, failures) : null;
    if (library !== null) return library;
  }
  // Prompts for one path at a time, and for the next only if the granted one cannot be opened.
  for (const path of places.filter((place) => ffiPermission(place) === "prompt")) {
    const { state } = await Deno.permissions.request({ name: "ffi", path });
    if (state !== "granted") break;
    const library = open(path, request, failures);
    if (library !== null) return library;
  }
  throw failures.length > 0 ? notFound(request, failures) : notCapable(request, places[0]!);
}

/** Whether `openLibrary()` would open the library without a prompt. */
export function libraryGranted({ candidates, path }: LibraryPlaces): boolean {
  const paths = path === undefined ? candidates : [path];
  return paths.some((path) => ffiPermission(path) === "granted");
}

function ffiPermission(path?: string): Deno.PermissionState {
  return Deno.permissions.querySync({ name: "ffi", ...(path !== undefined && { path }) }).state;
}

/** Where to look. Paths known to exist come first; checking that takes the read permission. */
async function placesOf({ candidates, path, sonames }: LibraryPlaces): Promise<readonly string[]> {
  if (path !== undefined) return [path];
  if (ffiPermission() === "granted") return [...sonames, ...candidates];
  const existing: string[] = [];
  for (const path of candidates) {
    const isReadable = Deno.permissions.querySync({ name: "read", path }).state === "granted";
    if (isReadable && await Deno.stat(path).then(() => true, () => false)) existing.push(path);
  }
  return [...existing, ...candidates.filter((path) => !existing.includes(path))];
}

/** Opens a library; null if it is not there, or lacks one of the symbols. */
function open<S extends Deno.ForeignLibraryInterface>(
  name: string,
  request: LibraryRequest<S>,
  failures: string[],
): Deno.DynamicLibrary<S> | null {
  try {
    const library = Deno.dlopen(name, request.symbols);
    wasGranted = true;
    return library;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw notCapable(request, name);
    const message = error instanceof Error ? error.message : String(error);
    failures.push(`${name} (${message.split(`${name}: `).at(-1)})`); // glibc repeats the name
    return null;
  }
}

let wasGranted = false; // a library was opened before

function notCapable({ advice, what }: LibraryPlaces, path: string): Error {
  const flag = `--allow-ffi=${advice?.grant ?? path}`;
  const revoked = ". A program that revokes the permission must keep a monitor open: closing the" +
    " last one unloads the library";
  const needed = `${flag} is needed to open ${what} (or --allow-ffi, if it is elsewhere)`;
  return new Deno.errors.NotCapable(needed + (wasGranted ? revoked : ""));
}

function notFound({ advice, path, what }: LibraryPlaces, failures: readonly string[]): Error {
  const remedy = path === undefined
    ? "Give its absolute path in the option libc, and grant --allow-ffi for that path"
    : "Correct the option libc, or leave it out to search the usual places";
  return new Deno.errors.NotFound(
    `Cannot open ${what}; tried ${failures.join("; ")}. ${advice?.notFound ?? remedy}`,
  );
}

/**
 * An unused value stays loaded for this many microtasks, so that a loop of single reads does not load it again each
 * time. A timer would outlive the test that uses it and be reported as a leak.
 */
const GRACE_TURNS = 32;

/** What all monitors of an isolate share per library path: loaded by the first user, disposed of by the last. */
export class Refcounted<S extends { dispose(): Promise<void> }> {
  readonly #load: (path: string | undefined) => Promise<S>;
  readonly #loaded = new Map<string | undefined, { users: number; readonly system: Promise<S> }>();

  constructor(load: (path: string | undefined) => Promise<S>) {
    this.#load = load;
  }

  /** Loads it unless it is already loaded. Every successful call needs one `release()`. */
  async acquire(path?: string): Promise<S> {
    const counted = this.#loaded.get(path) ?? { users: 0, system: this.#load(path) };
    this.#loaded.set(path, counted);
    counted.users++;
    try {
      return await counted.system;
    } catch (error) {
      if (this.#loaded.get(path) === counted) this.#loaded.delete(path);
      throw error;
    }
  }

  /** Whether it is loaded already, so that no permission is needed. */
  has(path: string | undefined): boolean {
    return this.#loaded.has(path);
  }

  async release(path?: string): Promise<void> {
    const counted = this.#loaded.get(path);
    if (counted === undefined || --counted.users > 0) return;
    for (let turn = 0; turn < GRACE_TURNS; turn++) await null;
    if (counted.users > 0 || this.#loaded.get(path) !== counted) return;
    this.#loaded.delete(path);
    await (await counted.system).dispose();
  }
}
