/**
 * Names of interfaces that somebody chose to do harm, or that are no text at all.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { NetworkMonitor, readNetworkState } from "../../mod.ts";
import { differences } from "../support/compare.ts";
import { askIproute2 } from "../support/iproute2.ts";
import { namespaceTest } from "../support/netns.ts";

/** What the kernel is given, one character a byte, and the key in the state. */
const NAMES: readonly (readonly [bytes: string, key: string])[] = [
  ["a\xff", "a\\xff"],
  ["a\xfe", "a\\xfe"],
  ["a\\xff", "a\\x5cxff"],
  ["\xc3\xa9", "é"],
  ["__proto__", "__proto__"],
  ["constructor", "constructor"],
  ["0", "0"],
  ["12", "12"],
  ["\x1b[2J\x1b[31m", "\x1b[2J\x1b[31m"],
  ["q\"'", "q\"'"],
  ["abcdefghijklmno", "abcdefghijklmno"],
  ["abcdefghijklmn\xff", "abcdefghijklmn\\xff"],
];

namespaceTest(
  import.meta.url,
  "interfaces with hostile names each have a key of their own",
  async () => {
    const keys = ["lo", ...NAMES.map(([, key]) => key)].sort();
    await using monitor = await NetworkMonitor.open({ source: "events" });
    await addBridges(NAMES.map(([bytes]) => bytes));
    const { state } = await monitor.waitFor((state) =>
      Object.keys(state.interfaces).length >= keys.length
    );
    for (const { interfaces } of [state, await readNetworkState()]) {
      assertEquals(Object.keys(interfaces).sort(), keys);
      for (const key of keys) assertEquals(interfaces[key]?.name, key);
    }
    assertEquals(differences(await askIproute2(), state), []);
  },
);

/** Arguments of a command are UTF-8; the standard input is any bytes. */
async function addBridges(names: readonly string[]): Promise<void> {
  const child = new Deno.Command("ip", {
    args: ["-batch", "-"],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = names.map((name) => `link add ${name} type bridge\n`).join("");
  const writer = child.stdin.getWriter();
  await writer.write(Uint8Array.from(lines, (character) => character.charCodeAt(0)));
  await writer.close();
  const { success, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
