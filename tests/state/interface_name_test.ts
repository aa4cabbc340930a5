import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { escapeText } from "../../state/escape.ts";
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

Deno.test("interfaceName() never gives one text for two names", () => {
  forSeeds({ runs: 20_000, seed: 7 }, (random) => {
    const bytes = hostileBytes(random);
    assertEquals(Uint8Array.from(unescapeName(interfaceName(bytes))), bytes);
  });
  assertNotEquals(
    interfaceName(Uint8Array.of(0xff)),
    interfaceName(Uint8Array.from(bytesOf("\\xff"))),
  );
});

const UNSAFE: [name: string, text: string, escaped: string][] = [
  ["terminal escape sequence", "\x1b[2Jeth0", "\\u{1b}[2Jeth0"],
  ["line break", "a\r\nb", "a\\u{d}\\u{a}b"],
  ["NUL and DEL", "\0\x7f", "\\u{0}\\u{7f}"],
  ["C1: the one-byte CSI", "\x9b2J", "\\u{9b}2J"],
  ["right-to-left override", "eth\u202egnp", "eth\\u{202e}gnp"],
  ["isolates", "\u2066\u2067\u2068\u2069", "\\u{2066}\\u{2067}\\u{2068}\\u{2069}"],
  ["direction marks", "\u200e\u200f\u061c", "\\u{200e}\\u{200f}\\u{61c}"],
  ["line and paragraph separators", "\u2028\u2029", "\\u{2028}\\u{2029}"],
  [
    "zero width and byte order mark",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\\u{200b}\\u{200c}\\u{200d}\\u{2060}\\u{feff}",
  ],
  ["soft hyphen and tags", "\u00ad\u{e0041}", "\\u{ad}\\u{e0041}"],
  ["an invisible letter", "\u3164", "\\u{3164}"],
  ["lone surrogates", "\ud800a\udfff", "\\u{d800}a\\u{dfff}"],
  [
    "what is harmless stays",
    "vEthernet (WSL) ünï 网络 📡 \\x41",
    "vEthernet (WSL) ünï 网络 📡 \\x41",
  ],
];

Deno.test("escapeText() leaves nothing that a terminal obeys or a reader cannot see", async (t) => {
  for (const [name, text, escaped] of UNSAFE) {
    await t.step(name, () => assertEquals(escapeText(text), escaped));
  }
});

Deno.test("escapeText() is safe for every character of the basic plane", () => {
  for (let code = 0; code <= 0xffff; code++) {
    const escaped = escapeText(String.fromCharCode(code));
    assert(!/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u.test(escaped), code.toString(16));
    assert(escaped.isWellFormed(), code.toString(16));
  }
});
