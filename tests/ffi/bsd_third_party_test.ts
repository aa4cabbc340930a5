/**
 * Captures of other projects, which are not part of this repository: one case for each file of the folder
 * `shared/fixtures` beside the checkout, none where there is no such folder. `tests/fixtures/bsd_images.ts`
 * has images of the project's own for the same oddities.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  decodeRoute,
  forEachMessage,
  headerOf,
  TYPE,
  u16,
  u32,
  VERSION,
} from "../../ffi/bsd/messages.ts";
import type { Layout } from "../../ffi/bsd/systems.ts";
import { formatIp } from "../../state/ip.ts";
import {
  decodeMessageSockaddrs,
  decodeSockaddrBlock,
  legibleSockaddr,
  type Sockaddr,
} from "../support/bsd.ts";
import { THIRD_PARTY, thirdPartyFiles } from "../support/bsd_corpus.ts";
import { type BsdName, LAYOUTS } from "../support/bsd_layouts.ts";
import { hex } from "../support/netlink.ts";

const AXES = ["DST", "GATEWAY", "NETMASK", "GENMASK", "IFP", "IFA", "AUTHOR", "BRD"];

/** A sockaddr as the reference decoder wrote it down. */
interface Reference {
  kind: "inet" | "inet6" | "link" | "raw";
  addr?: string;
  index?: number;
  name?: string;
  lladdr?: string;
  family?: number;
}

type ReferenceSockaddrs = Record<string, Reference | null>;

/** A message as the reference decoder wrote it down. */
interface ReferenceMessage {
  msglen: number;
  version: number;
  type: number;
  index: number;
  flags: number;
  addrs_mask: number;
  pid?: number;
  seq?: number;
  errno?: number;
  sockaddrs: ReferenceSockaddrs;
}

/** The file beside each `.hex`. */
interface Description {
  rtm_addrs?: number;
  decoded_by_reference_decoder?: ReferenceSockaddrs | ReferenceMessage[];
  decoded_message?: ReferenceMessage[];
  decoded_align4?: ReferenceSockaddrs;
  decoded_align8?: ReferenceSockaddrs;
  /** network, mask, gateway, interface, source, metric. */
  asserted_by_source?: { routes?: [number, number, string, string, string, number][] };
}

interface ThirdParty extends Description {
  name: string;
  bytes: Uint8Array;
}

for (const path of thirdPartyFiles()) {
  const folder = path.split("/")[0]!;
  if (folder === "malformed") continue;
  Deno.test(`third-party capture ${path} decodes as its source says`, () => {
    const file = new URL(path, THIRD_PARTY);
    const bytes = hex(Deno.readTextFileSync(file));
    const description: Description = JSON.parse(
      Deno.readTextFileSync(new URL(file.href.replace(/hex$/, "json"))),
    );
    if (folder === "bsd-generic") return compareGeneric(path, bytes, description);
    compareCapture(path, folder as BsdName, bytes, description);
  });
}

function compareGeneric(name: string, bytes: Uint8Array, description: Description): void {
  const { decoded_align4, decoded_align8, rtm_addrs } = description;
  for (const layout of Object.values(LAYOUTS)) {
    const expected = layout.rounding === 4 ? decoded_align4 : decoded_align8;
    compareSockaddrs(name, decodeSockaddrBlock(bytes, rtm_addrs!, layout), expected!);
  }
}

function compareCapture(
  name: string,
  os: BsdName,
  bytes: Uint8Array,
  description: Description,
): void {
  const { asserted_by_source, decoded_by_reference_decoder, decoded_message, rtm_addrs } =
    description;
  if (rtm_addrs !== undefined) {
    const expected = decoded_by_reference_decoder as ReferenceSockaddrs;
    compareSockaddrs(name, decodeSockaddrBlock(bytes, rtm_addrs, LAYOUTS[os]), expected);
  }
  const messages = decoded_message ?? decoded_by_reference_decoder;
  if (Array.isArray(messages)) compareMessages(name, bytes, LAYOUTS[os], messages);
  if (os !== "darwin") compareRoutes(name, os, bytes, asserted_by_source!.routes!);
}

function compareRoutes(
  name: string,
  os: BsdName,
  bytes: Uint8Array,
  expectations: NonNullable<NonNullable<Description["asserted_by_source"]>["routes"]>,
): void {
  // The source misreads masks that are cut short, as those of NetBSD are (secdev/scapy#4894).
  const masks = os !== "netbsd";
  const routes = legibleRoutes(os, bytes, masks);
  for (const expected of expectations) {
    const route = legibleExpectation(expected, masks);
    // The source makes multicast routes up for its own use.
    if (route.startsWith("224.0.0.0") && os !== "openbsd") continue;
    assert(routes.includes(route), `${name}: ${route} is not among\n${routes.join("\n")}`);
  }
}

function compareMessages(
  name: string,
  bytes: Uint8Array,
  layout: Layout,
  expected: readonly ReferenceMessage[],
): void {
  const messages: Uint8Array[] = [];
  forEachMessage(bytes, (message) => messages.push(message));
  assertEquals(messages.length, expected.length, name);
  messages.forEach((message, i) => {
    const reference = expected[i]!;
    const where = `${name}, message ${i}`;
    assertEquals([message.length, message[VERSION], message[TYPE]], [
      reference.msglen,
      reference.version,
      reference.type,
    ], where);
    const header = headerOf(message, layout);
    assert(header?.about === "route", where);
    const { pid = 0, seq = 0, errno = 0 } = reference;
    assertEquals(
      [
        u16(message, header.index),
        u32(message, header.flags),
        u32(message, header.pid),
        u32(message, header.sequence),
        u32(message, header.error),
      ],
      [reference.index, reference.flags >>> 0, pid, seq, errno],
      where,
    );
    compareSockaddrs(where, decodeMessageSockaddrs(message, header, layout), reference.sockaddrs);
  });
}

function compareSockaddrs(
  name: string,
  actual: readonly Sockaddr[],
  expected: ReferenceSockaddrs,
): void {
  AXES.forEach((axis, i) => {
    const reference = expected[axis];
    const sockaddr = actual[i] ?? null;
    const where = `${name}: ${axis}`;
    if (!reference) return assertEquals(sockaddr, null, where);
    if (typeof sockaddr === "number") {
      return assertEquals(sockaddr, maskLength(reference.addr!), where);
    }
    assertEquals(legibleSockaddr(sockaddr), legibleReference(reference), where);
  });
}

function legibleReference(
  { addr, family, index, kind, lladdr = "", name = "" }: Reference,
): unknown {
  switch (kind) {
    case "link":
      return `link ${index} ${name} ${lladdr.replaceAll(":", "")}`.trim();
    case "raw":
      return { family };
    default:
      return addr;
  }
}

/** How many bits of an address that is a mask are set. */
function maskLength(mask: string): number {
  const bits = mask.includes(":")
    ? mask.split(":").map((group) => (parseInt(group || "0", 16)).toString(2))
    : mask.split(".").map((octet) => Number(octet).toString(2).padStart(8, "0"));
  return bits.join("").match(/^1*/)![0].length;
}

function legibleRoutes(os: BsdName, bytes: Uint8Array, masks: boolean): string[] {
  const layout = LAYOUTS[os];
  const routes: string[] = [];
  forEachMessage(bytes, (message) => {
    const header = headerOf(message, layout);
    assert(header?.about === "route");
    const route = decodeRoute(message, header, layout);
    if (route === null) return;
    const source = route.source === null ? "" : formatIp(route.source);
    const gateway = route.gateway === null ? "link" : formatIp(route.gateway);
    const length = masks ? `/${route.prefixLength}` : "";
    routes.push(
      `${formatIp(route.destination)}${length} ${gateway === source ? "link" : gateway} ${source}`,
    );
  });
  return routes;
}

function legibleExpectation(
  [network, mask, gateway, , source]: [number, number, string, string, string, number],
  masks: boolean,
): string {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, network);
  const length = masks ? `/${mask.toString(2).replaceAll("0", "").length}` : "";
  // The source shows the interface's own address where the way is the link.
  const via = gateway === "0.0.0.0" || gateway === source ? "link" : gateway;
  return `${formatIp(bytes)}${length} ${via} ${source}`;
}
