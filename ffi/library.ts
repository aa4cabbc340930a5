/**
 * Finds and opens a library of the operating system under the least permission: the one place of
 * `Deno.dlopen`.
 *
 * Deno takes a soname only under a blanket grant: `--allow-ffi=libc.so.6` looks in the working
 * directory (denoland/deno#29246). An absolute path works under a grant of that path.
 *
 * @module
 */

/** What to open, and where it may be. */
export interface LibraryRequest<S extends Deno.ForeignLibraryInterface> {
  /** For messages, such as `"the C library"`. */
  what: string;
  /** The functions wanted of it. */
  symbols: S;
  /** Names for the system's own search, best first. */
  sonames: readonly string[];
  /** Absolute paths where it may be, best first. */
  candidates: readonly string[];
  /** The only path to try; it must be absolute. */
  path?: string | undefined;
}

/**
 * Opens the library: `path` when it is given; by soname under a blanket grant; else by the first
 * candidate that is granted, or that the user grants when asked.
 *
 * @throws {Deno.errors.NotCapable} when the permission is missing; the message has the flag to give
 * @throws {Deno.errors.NotFound} when it is in none of the places; the message lists them
 */
export async function openLibrary<S extends Deno.ForeignLibraryInterface>(
  request: LibraryRequest<S>,
): Promise<Deno.DynamicLibrary<S>> {
  const { candidates, path, sonames } = request;
  const blanket = (await Deno.permissions.query({ name: "ffi" })).state === "granted";
  const attempt = new Attempt(request);

  if (path !== undefined) return await attempt.asking([path]);
  if (blanket) return attempt.first([...sonames, ...candidates]);
  return await attempt.asking(candidates);
}

/** Whether `openLibrary()` would open without a question to the user. */
export async function libraryGranted(
  request: Pick<LibraryRequest<Deno.ForeignLibraryInterface>, "candidates" | "path">,
): Promise<boolean> {
  if ((await Deno.permissions.query({ name: "ffi" })).state === "granted") return true;
  const paths = request.path === undefined ? request.candidates : [request.path];
  const states = await Promise.all(
    paths.map((path) => Deno.permissions.query({ name: "ffi", path })),
  );
  return states.some((status) => status.state === "granted");
}

class Attempt<S extends Deno.ForeignLibraryInterface> {
  readonly #request: LibraryRequest<S>;
  readonly #failures: string[] = [];

  constructor(request: LibraryRequest<S>) {
    this.#request = request;
  }

  /** Opens the first of these names that exists. */
  first(names: readonly string[]): Deno.DynamicLibrary<S> {
    for (const name of names) {
      const library = this.#open(name);
      if (library !== null) return library;
    }
    throw this.#notFound();
  }

  /**
   * The paths that are granted already come first. Then the user is asked for one at a time, and for
   * the next only when the granted one is not there.
   */
  async asking(paths: readonly string[]): Promise<Deno.DynamicLibrary<S>> {
    const unknown: string[] = [];
    for (const path of paths) {
      const { state } = await Deno.permissions.query({ name: "ffi", path });
      const library = state === "granted" ? this.#open(path) : null;
      if (library !== null) return library;
      if (state === "prompt") unknown.push(path);
    }
    for (const path of unknown) {
      const { state } = await Deno.permissions.request({ name: "ffi", path });
      if (state !== "granted") throw this.#notCapable(paths);
      const library = this.#open(path);
      if (library !== null) return library;
    }
    throw this.#failures.length > 0 ? this.#notFound() : this.#notCapable(paths);
  }

  /** null when the library is not there. */
  #open(name: string): Deno.DynamicLibrary<S> | null {
    try {
      return Deno.dlopen(name, this.#request.symbols);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw this.#notCapable([name]);
      this.#failures.push(`${name} (${error instanceof Error ? error.message : error})`);
      return null;
    }
  }

  #notCapable(paths: readonly string[]): Error {
    return new Deno.errors.NotCapable(
      `netwatch needs ${this.#request.what}: run again with --allow-ffi=${paths.join(",")}` +
        " (or --allow-ffi). A program that drops the permission must keep a monitor open:" +
        " the library is unloaded with the last one",
    );
  }

  #notFound(): Error {
    return new Deno.errors.NotFound(
      `Cannot open ${this.#request.what}; tried ${this.#failures.join("; ")}.` +
        " Give its absolute path in the option libc",
    );
  }
}
