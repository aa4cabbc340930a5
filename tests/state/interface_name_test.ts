import { assertEquals, assertNotEquals } from "@std/assert";
import { interfaceName } from "../../state/interface_name.ts";
import { forSeeds, type Random } from "../support/random.ts";

function bytesOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

const NAMES: [name: string, bytes: number[], text: string][] = [
  ["nothing", [], ""],
  ["ASCII", bytesOf("eth0"), "eth0"],
  ["two bytes", bytesOf("ünï"), "ünï"],
  ["three bytes", bytesOf("网络"), "网络"],
  ["four bytes", bytesOf("📡0"), "📡0"],
  ["byte order mark is kept", bytesOf("\ufeffeth0"), "\ufeffeth0"],
  ["control characters are kept", bytesOf("\x1b[2J"), "\x1b[2J"],
  ["a byte that begins nothing", [0xff, 0x30], "\\xff0"],
  ["a continuation alone", [0x80], "\\x80"],
  ["a sequence cut short", [0xe7, 0xbd], "\\xe7\\xbd"],
  ["a sequence interrupted", [0xe7, 0x41, 0xbd], "\\xe7A\\xbd"],
  ["an overlong slash", [0xc0, 0xaf], "\\xc0\\xaf"],
  ["an overlong form of three", [0xe0, 0x9f, 0xbf], "\\xe0\\x9f\\xbf"],
  ["an overlong form of four", [0xf0, 0x8f, 0xbf, 0xbf], "\\xf0\\x8f\\xbf\\xbf"],
  ["a surrogate", [0xed, 0xa0, 0x80], "\\xed\\xa0\\x80"],
  ["beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"],
  ["the last code point", [0xf4, 0x8f, 0xbf, 0xbf], "\u{10ffff}"],
  ["a backslash alone", bytesOf("a\\b"), "a\\b"],
  ["a backslash and x, no digits", bytesOf("\\xg0"), "\\xg0"],
  ["a backslash that looks like an escape", bytesOf("\\xff"), "\\x5cxff"],
  ["the same in capitals", bytesOf("\\xFF"), "\\x5cxFF"],
  ["the first and last digits", bytesOf("\\x09\\xaf\\xAF"), "\\x5cx09\\x5cxaf\\x5cxAF"],
  [
    "the neighbours of the digits",
    bytesOf("\\x/0\\x:0\\x@0\\xG0\\x`0"),
    "\\x/0\\x:0\\x@0\\xG0\\x`0",
  ],
  ["an escape of that escape", bytesOf("\\x5cxff"), "\\x5cx5cxff"],
  ["a backslash before a bad byte", [0x5c, 0xff], "\\\\xff"],
  ["one digit, then a bad byte", [0x5c, 0x78, 0x35, 0xc3], "\\x5\\xc3"],
];

Deno.test("interfaceName() decodes UTF-8 and escapes each other byte", async (t) => {
  for (const [name, bytes, text] of NAMES) {
    await t.step(name, () => assertEquals(interfaceName(Uint8Array.from(bytes)), text));
  }
});

Deno.test("interfaceName() decodes what TextEncoder encodes, over all lengths", () => {
  const encoder = new TextEncoder();
  for (let code = 0; code <= 0x10ffff; code += code < 0x3000 ? 1 : 251) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const text = String.fromCodePoint(code);
    assertEquals(interfaceName(encoder.encode(text)), text, code.toString(16));
  }
});

/** Reads an escaped name back: that this is possible is what makes two names never look the same. */
function unescapeName(text: string): number[] {
  return text.split(/(\\x[0-9a-fA-F]{2})/).flatMap((part, i) =>
    i % 2 === 1 ? [parseInt(part.slice(2), 16)] : bytesOf(part)
  );
}

function hostileBytes(random: Random): Uint8Array {
  const pieces = [[0x5c], [0x78], [0x35], [0x63], bytesOf("\\xff"), bytesOf("\\x5c"), [0xff], [
    0xc3,
  ]];
  pieces.push([0xbc], bytesOf("ü"), bytesOf("📡"), [random.below(256)]);
  return Uint8Array.from(Array.from({ length: random.below(9) }, () => random.pick(pieces)).flat());
}

Deno.test("interfaceName() never returns one text for two names", () => {
  forSeeds({ runs: 20_000, seed: 7 }, (random) => {
    const bytes = hostileBytes(random);
    assertEquals(Uint8Array.from(unescapeName(interfaceName(bytes))), bytes);
  });
  assertNotEquals(
    interfaceName(Uint8Array.of(0xff)),
    interfaceName(Uint8Array.from(bytesOf("\\xff"))),
  );
});
