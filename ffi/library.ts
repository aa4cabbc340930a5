// Finds and opens a library of the operating system with the least permission. `Deno.dlopen` is
// called here and nowhere else.
//
// Deno accepts a soname only when the FFI permission covers every path: `--allow-ffi=libc.so.6`
// means a file in the working directory (denoland/deno#29246). An absolute path works when that path
// is granted.

/** A library and the places to look for it. */
export interface LibraryRequest<S extends Deno.ForeignLibraryInterface> {
  what: string; // the library's name in messages, such as `"the C library"`
  symbols: S; // the functions to load
  sonames: readonly string[]; // names that the dynamic linker searches for, best first
  candidates: readonly string[]; // absolute paths where the library may be, best first
  /** The absolute path of the library, if the user gave one: no other place is tried. */
  path?: string | undefined;
  /** For errors about a library that has siblings: the paths to grant, and what to do if it is not found. */
  advice?: { readonly grant: string; readonly notFound: string } | undefined;
}

/**
 * Opens a library: `path` if given; by soname if every path is granted; else the first candidate
 * that is granted or that the user grants at the prompt.
 *
 * @param request The library.
 * @returns The open library. The caller closes it.
 * @throws {Deno.errors.NotCapable} if the permission is missing; the message starts with the flag
 * @throws {Deno.errors.NotFound} if no place holds the library; the message lists the places tried
 */
export async function openLibrary<S extends Deno.ForeignLibraryInterface>(
  request: LibraryRequest<S>,
): Promise<Deno.DynamicLibrary<S>> {
  const { candidates, path, sonames } = request;
  const attempt = new Attempt(request);
  if (path !== undefined) return await attempt.permitted([path]);
  if (await isGranted({ name: "ffi" })) return attempt.first([...sonames, ...candidates]);
  return await attempt.permitted(await existingFirst(candidates));
}

/**
 * Whether `openLibrary()` would open the library without a prompt.
 *
 * @param request The library.
 */
export async function libraryGranted(
  request: Pick<LibraryRequest<Deno.ForeignLibraryInterface>, "candidates" | "path">,
): Promise<boolean> {
  if (await isGranted({ name: "ffi" })) return true;
  const paths = request.path === undefined ? request.candidates : [request.path];
  const granted = await Promise.all(paths.map((path) => isGranted({ name: "ffi", path })));
  return granted.includes(true);
}

async function isGranted(permission: Deno.PermissionDescriptor): Promise<boolean> {
  return (await Deno.permissions.query(permission)).state === "granted";
}

/** Moves the paths to the front that exist, as far as granted read permission shows it. */
async function existingFirst(paths: readonly string[]): Promise<string[]> {
  const existing: string[] = [];
  for (const path of paths) {
    if (!await isGranted({ name: "read", path })) continue;
    if (await Deno.stat(path).then(() => true, () => false)) existing.push(path);
  }
  return [...existing, ...paths.filter((path) => !existing.includes(path))];
}

class Attempt<S extends Deno.ForeignLibraryInterface> {
  readonly #request: LibraryRequest<S>;
  readonly #failures: string[] = [];

  constructor(request: LibraryRequest<S>) {
    this.#request = request;
  }

  /** Opens the first name that exists. Every path must be granted. */
  first(names: readonly string[]): Deno.DynamicLibrary<S> {
    for (const name of names) {
      const library = this.#open(name);
      if (library !== null) return library;
    }
    throw this.#notFound();
  }

  /**
   * Opens the first granted path that exists. If there is none, prompts for one path at a time: for
   * the next one only if the user grants a path that does not exist.
   */
  async permitted(paths: readonly string[]): Promise<Deno.DynamicLibrary<S>> {
    const undecided: string[] = [];
    for (const path of paths) {
      const { state } = await Deno.permissions.query({ name: "ffi", path });
      const library = state === "granted" ? this.#open(path) : null;
      if (library !== null) return library;
      if (state === "prompt") undecided.push(path);
    }
    for (const path of undecided) {
      const { state } = await Deno.permissions.request({ name: "ffi", path });
      if (state !== "granted") break;
      const library = this.#open(path);
      if (library !== null) return library;
    }
    throw this.#failures.length > 0 ? this.#notFound() : this.#notCapable(paths[0]!);
  }

  /** null if the library is not there, or is not the one that the symbols belong to. */
  #open(name: string): Deno.DynamicLibrary<S> | null {
    try {
      return Deno.dlopen(name, this.#request.symbols);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw this.#notCapable(name);
      const message = error instanceof Error ? error.message : String(error);
      this.#failures.push(`${name} (${message.split(`${name}: `).at(-1)})`); // glibc repeats the name
      return null;
    }
  }

  #notCapable(path: string): Error {
    const { advice, what } = this.#request;
    return new Deno.errors.NotCapable(
      `--allow-ffi=${advice?.grant ?? path} is needed to open ${what} (or --allow-ffi, if it is` +
        " elsewhere). A program that revokes the permission must keep a monitor open: closing the" +
        " last one unloads the library",
    );
  }

  #notFound(): Error {
    const { advice, path, what } = this.#request;
    const remedy = advice !== undefined
      ? advice.notFound
      : path === undefined
      ? "Give its absolute path in the option libc, and grant --allow-ffi for that path"
      : "Correct the option libc, or leave it out to search the usual places";
    return new Deno.errors.NotFound(
      `Cannot open ${what}; tried ${this.#failures.join("; ")}. ${remedy}`,
    );
  }
}
