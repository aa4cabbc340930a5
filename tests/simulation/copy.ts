/**
 * Edited copies of the code under test.
 *
 * @module
 */

/** An edit of one file. The text has to occur in it exactly once. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A copy; disposing removes it. */
export interface Copy extends AsyncDisposable {
  readonly root: URL;
}

const ROOT = new URL("../../", import.meta.url);
const FOLDERS = ["", "state/", "ffi/", "ffi/linux/", "actor/", "actor/machine/"];

/**
 * Copies mod.ts and what it imports into a temporary folder. Needs `--allow-read` and `--allow-write`.
 *
 * @throws {Error} if the text of an edit does not occur in its file exactly once.
 */
export async function copyCode(edits: readonly Edit[]): Promise<Copy> {
  const path = await Deno.makeTempDir({ prefix: "netwatch-planted-" });
  const root = new URL(`file://${path}/`);
  for (const folder of FOLDERS) {
    await Deno.mkdir(new URL(folder, root), { recursive: true });
    for await (const { name, isFile } of Deno.readDir(new URL(folder, ROOT))) {
      if (!isFile || !name.endsWith(".ts")) continue;
      const file = `${folder}${name}`;
      const text = await Deno.readTextFile(new URL(file, ROOT));
      await Deno.writeTextFile(new URL(file, root), edited(file, text, edits));
    }
  }
  return { root, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/**
 * Applies edits in memory. Needs `--allow-read`.
 *
 * @throws {Error} if the text of an edit does not occur in its file exactly once.
 */
export async function checkEdits(edits: readonly Edit[]): Promise<void> {
  for (const file of new Set(edits.map((edit) => edit.file))) {
    edited(file, await Deno.readTextFile(new URL(file, ROOT)), edits);
  }
}

function edited(file: string, text: string, edits: readonly Edit[]): string {
  for (const edit of edits) {
    if (edit.file !== file) continue;
    const found = text.split(edit.from).length - 1;
    if (found !== 1) throw new Error(`${file} has ${found} times: ${edit.from}`);
    text = text.replace(edit.from, () => edit.to);
  }
  return text;
}
