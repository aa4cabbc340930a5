import { assert, assertEquals } from "@std/assert";
import { decodeAddress, decodeLink, decodeRoute } from "../../ffi/linux/messages.ts";
import {
  Attributes,
  decodeNetlinkError,
  forEachMessage,
  type NetlinkMessage,
} from "../../ffi/linux/netlink.ts";
import { LINUX_FIXTURES } from "../fixtures/linux.ts";
import { LINK_AND_ADDRESS_IMAGES } from "../fixtures/linux_images.ts";
import { ROUTE_IMAGES } from "../fixtures/linux_route_images.ts";
import {
  decodeBody,
  decodeDatagram,
  decodesOrRefuses,
  guarded,
  hex,
  mutate,
  splitDatagram,
} from "../support/netlink.ts";
import { Random } from "../support/random.ts";

/** How many mutated inputs of each test. */
const MUTATIONS = 4_000;

const DATAGRAMS = LINUX_FIXTURES.map(({ name, hex: bytes }) => ({ name, bytes: hex(bytes) }));

/** One of each shape: the many link messages of the captures differ in nothing that matters here. */
const MESSAGES: readonly (NetlinkMessage & { name: string })[] = [
  ...DATAGRAMS.filter(({ bytes }) => bytes.length < 400).flatMap(({ name, bytes }) =>
    splitDatagram(bytes).map((message) => ({ ...message, name }))
  ),
  ...DATAGRAMS.filter(({ name }) => /^live-(01|20|24)/.test(name)).flatMap(({ name, bytes }) =>
    splitDatagram(bytes).map((message) => ({ ...message, name }))
  ),
  ...[...LINK_AND_ADDRESS_IMAGES, ...ROUTE_IMAGES].map(({ name, type, hex: bytes }) => (
    { name, type, flags: 0, sequence: 0, pid: 0, body: hex(bytes) }
  )),
];

Deno.test("forEachMessage() of a datagram cut anywhere refuses it or reads what is left", () => {
  for (const { name, bytes } of DATAGRAMS) {
    for (let length = 0; length < bytes.length; length++) {
      let end = 0;
      const understood = decodesOrRefuses(
        () => forEachMessage(bytes.subarray(0, length), ({ body }) => end += 16 + body.length),
        () => `${name} cut at ${length}`,
      );
      assert(end <= length, `${name} cut at ${length}`);
      if (understood) assertEquals(end, length, `${name} cut at ${length}`);
    }
  }
});

Deno.test("the decoders refuse a body cut anywhere with DecodeError, or read what is left", () => {
  for (const message of MESSAGES) {
    for (let length = 0; length < message.body.length; length++) {
      const body = message.body.subarray(0, length);
      decodesOrRefuses(
        () => decodeBody({ ...message, body }),
        () => `${message.name} cut at ${length}`,
      );
    }
  }
});

Deno.test("the decoders understand mutated bodies or refuse them with DecodeError", () => {
  let understood = 0;
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const random = new Random(seed);
    const message = random.pick(MESSAGES);
    const body = mutate(message.body, random);
    const decoded = decodesOrRefuses(
      () => decodeBody({ ...message, body }),
      () => `seed ${seed}: ${message.name}: ${body.toHex()}`,
    );
    if (decoded) understood++;
  }
  // Both ways must be taken, or the mutations are too wild or too tame to find anything.
  assert(understood > MUTATIONS / 10 && understood < MUTATIONS * 0.95, `${understood} understood`);
});

Deno.test("the decoders understand mutated datagrams or refuse them with DecodeError", () => {
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const random = new Random(seed);
    const { name, bytes } = random.pick(DATAGRAMS);
    const datagram = mutate(bytes, random);
    decodesOrRefuses(
      () => decodeDatagram(datagram),
      () => `seed ${seed}: ${name}: ${datagram.toHex()}`,
    );
  }
});

Deno.test("the decoders understand noise or refuse it with DecodeError", () => {
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const random = new Random(seed);
    // Small numbers are likely, so that lengths and types often make sense.
    const body = Uint8Array.from(
      { length: random.below(80) },
      (_, at) => random.chance(at % 4 === 1 ? 0.9 : 0.3) ? 0 : random.below(24),
    );
    for (const type of [2, 3, 16, 20, 24]) {
      const message = { type, flags: random.pick([0, 0x100, 0x200, 0x300]), sequence: 0 };
      decodesOrRefuses(
        () => decodeBody({ ...message, body }),
        () => `seed ${seed}: type ${type}: ${body.toHex()}`,
      );
    }
  }
});

const CUT_INSIDE: readonly [type: number, body: string][] = [
  [16, "0000 0100 07000000 43100100 00000000  0500 1200 09"],
  [24, "02 00 00 00 fe 03 00 01 00000000  0500 0900 10"],
  [24, "02 00 00 00 fe 03 00 01 00000000  0d00 0900 0900 00 00 03000000 08"],
  [24, "02 00 00 00 fe 03 00 01 00000000  0500 1200 0a"],
];

Deno.test("no decoder reads beyond the bytes that it was given", () => {
  const decodeGuarded = ({ body, ...header }: NetlinkMessage): unknown => {
    const bytes = guarded(body);
    switch (header.type & ~1) {
      case 2:
        return decodeNetlinkError({ ...header, body: bytes });
      case 16:
        return decodeLink(bytes);
      case 20:
        return decodeAddress(bytes);
      default:
        return decodeRoute(bytes);
    }
  };
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const random = new Random(seed);
    const message = random.pick(MESSAGES);
    const body = random.chance(0.5)
      ? mutate(message.body, random)
      : message.body.subarray(0, random.below(message.body.length + 1));
    const describe = () => `seed ${seed}: ${message.name}: ${body.toHex()}`;
    decodesOrRefuses(() => decodeGuarded({ ...message, body }), describe);
    decodesOrRefuses(() => new Attributes(guarded(body), random.below(20)), describe);
  }
  // The last byte of the message is the first of a header inside an attribute.
  for (const [type, body] of CUT_INSIDE) {
    const message = { type, flags: 0, sequence: 0, pid: 0, body: hex(body) };
    assert(!decodesOrRefuses(() => decodeGuarded(message), () => body), body);
  }
  for (let seed = 1; seed <= MUTATIONS / 4; seed++) {
    const random = new Random(seed);
    const datagram = mutate(random.pick(DATAGRAMS).bytes, random);
    decodesOrRefuses(() => forEachMessage(guarded(datagram), () => {}), () => `seed ${seed}`);
  }
});

Deno.test("the results of the decoders outlive the receive buffer", () => {
  for (const message of MESSAGES) {
    const buffer = new Uint8Array(message.body.length + 13).fill(0xee);
    buffer.set(message.body, 5);
    const body = buffer.subarray(5, 5 + message.body.length);
    const decode = decoderOf(message.type);
    const decoded = decode(body);
    const before = JSON.stringify(decoded);
    buffer.fill(0x11);
    assertEquals(JSON.stringify(decoded), before, message.name);
  }
});

function decoderOf(type: number): (body: Uint8Array) => unknown {
  switch (type & ~1) {
    case 16:
      return decodeLink;
    case 20:
      return decodeAddress;
    case 24:
      return decodeRoute;
    default:
      return () => null;
  }
}
