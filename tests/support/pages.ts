/**
 * The pages of the documentation and their links, read from the working tree.
 *
 * @module
 */
import { readText } from "./published.ts";
import { ROOT } from "./run.ts";

const TOP = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md"];

/** Path and text of each page. */
export function pages(): [path: string, text: string][] {
  const folder = [...Deno.readDirSync(new URL("docs", ROOT))]
    .filter(({ isFile }) => isFile)
    .map(({ name }) => `docs/${name}`)
    .sort();
  return [...TOP, ...folder].map((path) => [path, readText(path)]);
}

/** A link from one file of the repository to another. */
export interface Link {
  /** The page. */
  from: string;
  /** The path that it leads to, from the root of the repository. */
  to: string;
  /** The anchor in that file. */
  heading: string | null;
}

/** The links and images of all pages that are not absolute URLs. */
export function relativeLinks(): Link[] {
  return pages().flatMap(([from, text]) => {
    const targets = [
      ...matches(text, /\]\(([^)\s]+)[^)]*\)/g),
      ...matches(text, /^\[[^\]]+\]: (\S+)/gm),
      ...matches(text, /(?:href|src|srcset)="([^"]+)"/g),
    ];
    return targets.filter((target) => !/^[a-z]+:/.test(target)).map((target) => {
      const { href, hash } = new URL(target, new URL(from, ROOT));
      const to = href.slice(ROOT.href.length, href.length - hash.length);
      return { from, to, heading: hash === "" ? null : hash.slice(1) };
    });
  });
}

/** The anchors of a page, as GitHub makes them. */
export function headingsOf(text: string): string[] {
  return matches(text.replaceAll(/^```[^]*?^```$/gm, ""), /^#+ (.*)$/gm).map((heading) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-")
  );
}

/** The first group of each match. */
export function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, match = ""]) => match);
}
