/**
 * The modules that users get, read from the working tree.
 *
 * @module
 */
import { ROOT } from "./run.ts";

/** The entry points of `deno.json`, by path from the root of the repository. */
export const ENTRY_POINTS: readonly string[] = [
  "mod.ts",
  "actor/fetch.ts",
  "actor/navigator.ts",
  "actor/testing.ts",
  "examples/watch.ts",
];

/** All published modules, by path from the root of the repository, sorted. Needs read permission. */
export function publishedModules(): string[] {
  const folders = ["state", "ffi", "actor", "examples/watch"];
  return ["mod.ts", "examples/watch.ts", ...folders.flatMap(modulesUnder)].sort();
}

/** The text of a file. */
export function readText(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

function modulesUnder(folder: string): string[] {
  return entriesOf(folder).flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return modulesUnder(path);
    return name.endsWith(".ts") ? [path] : [];
  });
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(new URL(folder, ROOT))];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
