import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Attributes,
  decodeNetlinkError,
  encodeMessage,
  forEachMessage,
  type NetlinkMessage,
} from "../../ffi/linux/netlink.ts";
import { DecodeError } from "../../state/errors.ts";
import { encodeAttribute, hex } from "../support/netlink.ts";
import { Random } from "../support/random.ts";

const EMPTY = "10000000 0100 0000 00000000 00000000";

/** The messages before the first malformed header, and where that is. */
function walk(text: string): { bodies: string[]; failsAt: number | null } {
  const bodies: string[] = [];
  try {
    forEachMessage(hex(text), ({ body }) => bodies.push(body.toHex()));
    return { bodies, failsAt: null };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    assertEquals(error.what, "nlmsghdr");
    return { bodies, failsAt: error.offset };
  }
}

const DATAGRAMS: readonly [string, string, bodies: string[], failsAt: number | null][] = [
  ["nothing", "", [], null],
  ["a header alone", EMPTY, [""], null],
  ["a body", "14000000 1000 0000 00000000 00000000 61626364", ["61626364"], null],
  [
    "an odd length with padding",
    `15000000 1000 0000 00000000 00000000 6162636465 000000 ${EMPTY}`,
    ["6162636465", ""],
    null,
  ],
  ["an odd length at the end", "11000000 1000 0000 00000000 00000000 61", ["61"], null],
  ["zero bytes after a message", `${EMPTY} 000000000000`, [""], null],
  ["15 zero bytes after a message", `${EMPTY} ${"00".repeat(15)}`, [""], null],
  ["16 zero bytes after a message", `${EMPTY} ${"00".repeat(16)}`, [""], 16],
  ["rubbish after a message", `${EMPTY} 0000000100`, [""], 16],
  ["15 zero bytes alone", "00".repeat(15), [], 0],
  ["a header that is cut", "10000000 0100", [], 0],
  ["a length of 0", "00000000 1000 0000 00000000 00000000", [], 0],
  ["a length of 15", "0f000000 1000 0000 00000000 00000000", [], 0],
  ["a length beyond the end", "11000000 1000 0000 00000000 00000000", [], 0],
  ["a length with the highest bit", "10000080 1000 0000 00000000 00000000", [], 0],
  ["the largest length", "ffffffff 1000 0000 00000000 00000000", [], 0],
  ["a lie in the second message", `${EMPTY} ff000000 1000 0000 00000000 00000000`, [""], 16],
];

Deno.test("forEachMessage() visits well-formed messages and throws at the first bad header", () => {
  for (const [name, text, bodies, failsAt] of DATAGRAMS) {
    assertEquals(walk(text), { bodies, failsAt }, name);
  }
});

Deno.test("forEachMessage() reads every field of the header and gives views", () => {
  const datagram = hex("14000000 feff 0203 ffffff80 5743b0e8 61626364");
  const messages: NetlinkMessage[] = [];
  forEachMessage(datagram, (message) => messages.push(message));
  assertEquals(messages.length, 1);
  const { body, ...header } = messages[0]!;
  assertEquals(header, { type: 0xfffe, flags: 0x302, sequence: 0x80ffffff });
  assertStrictEquals(body.buffer, datagram.buffer);
  assertEquals(body.byteOffset, datagram.byteOffset + 16);
});

Deno.test("forEachMessage() passes on errors of the visitor", () => {
  const error = new Error("of the visitor");
  const thrown = assertThrows(() =>
    forEachMessage(hex(EMPTY), () => {
      throw error;
    })
  );
  assertStrictEquals(thrown, error);
});

/** The attributes of the types below 32, or where the first that lies is. */
function attributes(text: string, start = 0): { found: Record<number, string> } | number {
  try {
    const attributes = new Attributes(hex(text), start);
    const types = Array.from({ length: 64 }, (_, type) => type);
    const values = types.map((type) => [type, attributes.value(type)?.toHex()]);
    return { found: Object.fromEntries(values.filter(([, value]) => value !== undefined)) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    assertEquals(error.what, "rtattr");
    return error.offset;
  }
}

const ATTRIBUTES: readonly [name: string, text: string, Record<number, string> | number][] = [
  ["nothing", "", {}],
  ["two of the highest types: one is kept", "0500 1f00 aa 000000 0500 2000 bb 000000", {
    31: "aa",
  }],
  ["one without a value", "0400 0100", { 1: "" }],
  ["padding between, none at the end", "0500 0100 aa 000000 0700 0200 bbcc dd", {
    1: "aa",
    2: "bbccdd",
  }],
  ["the bits for nested and network byte order", "0500 1280 aa 000000 0500 1340 bb", {
    0x12: "aa",
    0x13: "bb",
  }],
  ["a type twice: the last counts", "0500 1280 aa 000000 0500 1240 bb", { 0x12: "bb" }],
  ["types that nobody asks for", "0400 1f00 0400 2000 0400 ff3f 0400 ffff", { 0x1f: "" }],
  ["a length of 0", "0000 0100 0400 0100", 0],
  ["a length of 3", "0300 0100", 0],
  ["a length beyond the end", "0400 0100 0500 0200", 4],
  ["the largest length", "ffff 0100 aabbccdd", 0],
  ["a header that is cut", "0400 0100 0400 02", 4],
];

Deno.test("Attributes finds types without flag bits and throws at a bad length", () => {
  for (const [name, text, found] of ATTRIBUTES) {
    assertEquals(attributes(text), typeof found === "number" ? found : { found }, name);
  }
});

Deno.test("Attributes starts at the given offset, odd or not", () => {
  const text = "ffffff 0500 0100 aa 000000 0400 0200";
  assertEquals(attributes(text, 3), { found: { 1: "aa", 2: "" } });
  assertEquals(attributes("0400 0100", 4), { found: {} });
});

const ACK = "00000000 20000000 1300 0500 07000000 00000000";
const EPERM = "ffffffff 18000000 1300 0500 07000000 00000000";
const TEXT = "0800 0100 6e6f 0000";

const ERRORS: readonly [
  name: string,
  type: number,
  flags: number,
  body: string,
  expected: { code: number; text: string | null },
][] = [
  ["ACK", 2, 0x100, ACK, { code: 0, text: null }],
  ["error, capped", 2, 0x100, EPERM, { code: 1, text: null }],
  ["error, capped, with text", 2, 0x300, EPERM + TEXT, { code: 1, text: "no" }],
  ["the text without a NUL", 2, 0x300, `${EPERM} 0600 0100 6e6f 0000`, { code: 1, text: "no" }],
  ["text after other attributes", 2, 0x300, `${EPERM} 0800 0200 14000000 ${TEXT}`, {
    code: 1,
    text: "no",
  }],
  ["other attributes only", 2, 0x300, `${EPERM} 0800 0200 14000000`, { code: 1, text: null }],
  ["the whole request, then text", 2, 0x200, `${EPERM} 0102030405060708 ${TEXT}`, {
    code: 1,
    text: "no",
  }],
  [
    "the whole request, of an odd length, then text",
    2,
    0x200,
    `
    ffffffff 15000000 1300 0500 07000000 00000000 0102030405 000000 ${TEXT}
  `,
    { code: 1, text: "no" },
  ],
  ["the request looks like text, no flag", 2, 0, EPERM + TEXT, { code: 1, text: null }],
  ["what follows looks like text, no flag", 2, 0x100, EPERM + TEXT, { code: 1, text: null }],
  ["text that is not UTF-8", 2, 0x300, `${EPERM} 0700 0100 61ff00 00`, {
    code: 1,
    text: "a\ufffd",
  }],
  ["the lowest number", 2, 0x100, EPERM.replace("ffffffff", "00000080"), {
    code: 0x80000000,
    text: null,
  }],
  ["end of a dump", 3, 2, "00000000", { code: 0, text: null }],
  ["end of a dump without a body", 3, 2, "", { code: 0, text: null }],
  ["a dump that failed", 3, 2, "f0ffffff", { code: 16, text: null }],
  ["a dump that failed, with text", 3, 0x202, `eaffffff ${TEXT}`, { code: 22, text: "no" }],
];

Deno.test("decodeNetlinkError() finds code and text in errors, ACKs and ends of dumps", () => {
  for (const [name, type, flags, body, expected] of ERRORS) {
    const message = { type, flags, sequence: 99, body: hex(body) };
    assertEquals(decodeNetlinkError(message), expected, name);
  }
});

Deno.test("Attributes.string() ends at the NUL or, without one, with the attribute", () => {
  for (const after of ["", "0900 0400 65746830 31 000000"]) {
    for (const [value, size] of [["65746830", 4], ["65740030", 2], ["00000000", 0]] as const) {
      const found = new Attributes(hex(`0800 0300 ${value} ${after}`), 0);
      assertEquals(found.string(3)?.toHex(), value.slice(0, 2 * size));
    }
  }
});

const WRONG_ERRORS: readonly [name: string, type: number, flags: number, body: string][] = [
  ["no body", 2, 0, ""],
  ["only the code", 2, 0, "ffffffff"],
  ["one byte less than the struct", 2, 0x100, ACK.slice(0, -2)],
  ["a positive code", 2, 0x100, ACK.replace("00000000", "01000000")],
  ["a request shorter than its header", 2, 0x200, EPERM.replace("18000000", "0f000000")],
  ["a request beyond the end", 2, 0x200, EPERM],
  ["a text that lies", 2, 0x300, `${EPERM} 0900 0100 6e6f 0000`],
  ["a text without length", 2, 0x300, `${EPERM} 0000 0100`],
  ["an end of a dump that is cut", 3, 2, "0000"],
  ["an end of a dump with a positive code", 3, 2, "01000000"],
  ["a text of a dump that lies", 3, 0x202, "eaffffff ffff 0100"],
];

Deno.test("decodeNetlinkError() throws DecodeError for a body that contradicts itself", () => {
  for (const [name, type, flags, body] of WRONG_ERRORS) {
    const message = { type, flags, sequence: 99, body: hex(body) };
    assertThrows(() => decodeNetlinkError(message), DecodeError, undefined, name);
  }
});

Deno.test("encodeMessage() pads to 4 and keeps the true length", () => {
  assertEquals(
    encodeMessage(0x12, 0x301, hex("0102030405"), 0xfedcba98).toHex(),
    "15000000" + "1200" + "0103" + "98badcfe" + "00000000" + "0102030405" + "000000",
  );
});

Deno.test("a message of encodeMessage() decodes to the same, with its attributes", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const sent = Array.from({ length: random.between(1, 4) }, () => ({
      type: random.below(0x10000),
      flags: random.below(0x10000),
      sequence: random.uint32(),
      attributes: Array.from({ length: random.below(6) }, (): [number, string] => [
        random.below(32),
        Uint8Array.from({ length: random.below(40) }, () => random.below(256)).toHex(),
      ]),
    }));
    const datagram = hex(
      sent.map(({ type, flags, sequence, attributes }) => {
        const body = attributes.map(([t, value]) => encodeAttribute(t, hex(value)).toHex());
        return encodeMessage(type, flags, hex(body.join("")), sequence).toHex();
      }).join(""),
    );
    const received: typeof sent = [];
    forEachMessage(datagram, ({ type, flags, sequence, body }) => {
      const found = new Attributes(body, 0);
      const { attributes } = sent[received.length]!;
      const last = new Map(attributes); // where a type occurs twice
      for (const [t, value] of last) assertEquals(found.value(t)?.toHex(), value);
      received.push({ type, flags, sequence, attributes });
    });
    assertEquals(received, sent, `seed ${seed}`);
  }
});
