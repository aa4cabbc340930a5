/**
 * Inputs for mutation tests of the BSD decoders: images, captures, what the encoder writes, and the captures
 * of other projects if they are present.
 *
 * @module
 */
import { forEachMessage } from "../../ffi/bsd/messages.ts";
import type { Layout } from "../../ffi/bsd/systems.ts";
import { BSD_BLOCKS, BSD_IMAGES } from "../fixtures/bsd_images.ts";
import { NETBSD_CAPTURES } from "../fixtures/netbsd.ts";
import { decodeDumps, decodeEverything, decodeSockaddrBlock } from "./bsd.ts";
import { type BsdName, LAYOUTS } from "./bsd_layouts.ts";
import {
  concat,
  EN0,
  encodeAddress,
  encodeAnnouncement,
  type EncodedOs,
  encodeGroup,
  encodeKernelEvent,
  encodeListedNic,
  encodeLiveNic,
  encodeRoute,
} from "./bsd_encode.ts";
import { decodesOrRefuses, hex, mutate } from "./netlink.ts";
import type { Random } from "./random.ts";
import { isReadable } from "./skip.ts";

/** One input. */
export interface Sample {
  name: string;
  /** The system that writes such bytes. */
  layout: Layout;
  bytes: Uint8Array;
}

function encoded(os: EncodedOs): [string, Uint8Array][] {
  const ipv4 = { address: "192.0.2.7", prefixLength: 24, other: "192.0.2.255", flags: 0 };
  const ipv6 = { address: "fe80::7", prefixLength: 64, other: null, flags: 0 };
  const route = {
    destination: "2001:db8::",
    prefixLength: 32,
    gateway: "fe80::1",
    index: 5,
    flags: 0x803,
    source: "2001:db8::7",
  };
  return [
    ["interface of a list", encodeListedNic(os, EN0)],
    ["live interface", encodeLiveNic(os, EN0)],
    ["address of a list", encodeAddress(os, 0xc, EN0, ipv4, false)],
    ["live IPv4 address", encodeAddress(os, 0xd, EN0, ipv4, true)],
    ["live IPv6 address", encodeAddress(os, 0xc, EN0, ipv6, true)],
    ["route of a list", encodeRoute(os, 4, route, "dump")],
    ["route of the kernel", encodeRoute(os, 1, route, "kernel")],
    ["request", encodeRoute(os, 1, route, "request", { pid: 7, sequence: 9 })],
    ["answer", encodeRoute(os, 4, route, "answer", { pid: 7, sequence: 9 })],
    ["group", encodeGroup(os, 0xf, EN0, "ff02::fb")],
  ];
}

/** The samples of this repository. */
export const OWN_SAMPLES: readonly Sample[] = [
  ...BSD_IMAGES.map(({ name, os, hex: text }) => ({
    name,
    layout: LAYOUTS[os],
    bytes: hex(text),
  })),
  ...BSD_BLOCKS.map(({ hex: text, name, os }) => ({
    name,
    layout: LAYOUTS[os[0]!],
    bytes: hex(text),
  })),
  ...NETBSD_CAPTURES.map(({ hex: text, step }) => ({
    name: `netbsd: ${step}`,
    layout: LAYOUTS.netbsd,
    bytes: hex(text),
  })),
  ...(["darwin", "freebsd"] as const).flatMap((os) => {
    const all = encoded(os);
    return [...all, ["all of them", concat(all.map(([, bytes]) => bytes))] as const]
      .map(([name, bytes]) => ({ name: `${os}: ${name}`, layout: LAYOUTS[os], bytes }));
  }),
  { name: "announcement", layout: LAYOUTS.freebsd, bytes: encodeAnnouncement(EN0, 1) },
  { name: "kernel event", layout: LAYOUTS.darwin, bytes: encodeKernelEvent(2, 13) },
];

/** The captures of other projects, in a folder beside the checkout. */
export const THIRD_PARTY: URL = new URL("../../../shared/fixtures/", import.meta.url);

const THIRD_PARTY_FOLDERS: Readonly<Record<string, BsdName>> = {
  darwin: "darwin",
  freebsd: "freebsd",
  netbsd: "netbsd",
  openbsd: "openbsd",
  "bsd-generic": "freebsd",
  malformed: "darwin",
};

/** The paths of these captures; none if the folder is missing or must not be read. */
export function thirdPartyFiles(): string[] {
  if (!isReadable(THIRD_PARTY)) return [];
  return Object.keys(THIRD_PARTY_FOLDERS).flatMap((folder) =>
    [...Deno.readDirSync(new URL(folder, THIRD_PARTY))]
      .filter(({ name }) => name.endsWith(".hex"))
      .map(({ name }) => `${folder}/${name}`)
      .sort()
  );
}

/** These captures, whole and message by message. */
export function thirdPartySamples(): Sample[] {
  return thirdPartyFiles().flatMap((name) => {
    const bytes = hex(Deno.readTextFileSync(new URL(name, THIRD_PARTY)));
    return withMessages({
      name,
      layout: LAYOUTS[THIRD_PARTY_FOLDERS[name.split("/")[0]!]!],
      bytes,
    });
  });
}

function withMessages(sample: Sample): Sample[] {
  const messages: Sample[] = [];
  decodesOrRefuses(
    () =>
      forEachMessage(sample.bytes, (bytes) => {
        messages.push({ ...sample, name: `${sample.name}, ${messages.length}`, bytes });
      }),
    () => sample.name,
  );
  return [sample, ...messages];
}

/** Runs every decoder on the bytes. Returns whether the messages decode; throws anything but DecodeError. */
export function survives({ layout, name }: Sample, bytes: Uint8Array, how: string): boolean {
  const describe = () => `${how}: ${name}: ${bytes.toHex()}`;
  const all = [
    () => decodeEverything(bytes, layout),
    () => decodeDumps(bytes, layout),
    () => decodeSockaddrBlock(bytes, 0xb7, layout),
  ];
  const decoded = all.map((decode) => decodesOrRefuses(decode, describe));
  return decoded[0]!;
}

/** Mutates one of the samples and runs every decoder. Returns whether the messages decode. */
export function mutateAndDecode(samples: readonly Sample[], random: Random): boolean {
  const sample = random.pick(samples);
  // The system is mutated too: bytes of one for the decoder of another.
  const layout = random.chance(0.1) ? random.pick(Object.values(LAYOUTS)) : sample.layout;
  const bytes = mutate(sample.bytes, random);
  return survives({ ...sample, layout }, bytes, `seed ${random.seed}`);
}
