/**
 * Captures of other projects, which are not part of this repository: decoded where a folder with them
 * stands beside the checkout.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type BsdName, type Layout, LAYOUTS } from "../../ffi/bsd/layouts.ts";
import {
  decodeRoute,
  forEachMessage,
  headerOf,
  type RouteMessage,
  slotsOf,
} from "../../ffi/bsd/route_message.ts";
import type { Sockaddr } from "../../ffi/bsd/sockaddr.ts";
import { formatIp } from "../../state/ip.ts";
import { decodeMessageSockaddrs, decodeSockaddrBlock } from "../support/bsd.ts";
import { hex } from "../support/netlink.ts";
import { skippable } from "../support/skip.ts";

const FOLDER = new URL("../../../shared/fixtures/", import.meta.url);
const AXES = ["DST", "GATEWAY", "NETMASK", "GENMASK", "IFP", "IFA", "AUTHOR", "BRD"];

/** A sockaddr as the reference decoder wrote it down. */
interface Reference {
  kind: "inet" | "inet6" | "link" | "raw";
  addr?: string;
  index?: number;
  name?: string;
  lladdr?: string;
  family?: number;
  embedded_scope?: number;
  sin6_scope_id?: number;
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

function load(folder: string): ThirdParty[] {
  const directory = new URL(`${folder}/`, FOLDER);
  return [...Deno.readDirSync(directory)]
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".hex"))
    .sort()
    .map((name) => ({
      ...JSON.parse(Deno.readTextFileSync(new URL(name.replace(".hex", ".json"), directory))),
      name: `${folder}/${name}`,
      bytes: hex(Deno.readTextFileSync(new URL(name, directory))),
    }));
}

skippable({
  name: "third-party captures of sockaddrs decode as the reference decoder says",
  needs: [{ folder: FOLDER }],
  fn() {
    const blocks = load("darwin").filter((it) => it.rtm_addrs !== undefined);
    for (const { bytes, decoded_by_reference_decoder: expected, name, rtm_addrs } of blocks) {
      compareBlock(name, bytes, rtm_addrs!, LAYOUTS.darwin, expected as ReferenceSockaddrs);
    }
    assertEquals(blocks.length, 5);
    const generic = load("bsd-generic");
    for (const { bytes, decoded_align4, decoded_align8, name, rtm_addrs } of generic) {
      compareBlock(name, bytes, rtm_addrs!, LAYOUTS.darwin, decoded_align4!);
      for (const os of ["freebsd", "netbsd", "openbsd"] as const) {
        compareBlock(name, bytes, rtm_addrs!, LAYOUTS[os], decoded_align8!);
      }
    }
    assertEquals(generic.length, 1);
  },
});

skippable({
  name: "third-party captures of messages decode as the reference decoder says",
  needs: [{ folder: FOLDER }],
  fn() {
    let messages = 0;
    for (const os of ["darwin", "freebsd"] as const) {
      for (const { bytes, decoded_by_reference_decoder, decoded_message, name } of load(os)) {
        const expected = decoded_message ?? decoded_by_reference_decoder;
        if (!Array.isArray(expected)) continue;
        messages += compareMessages(name, bytes, LAYOUTS[os], expected);
      }
    }
    assert(messages >= 50, `Only ${messages} messages`);
  },
});

for (const os of ["freebsd", "netbsd", "openbsd"] as const) {
  skippable({
    name: `third-party captures of the routes of ${os} decode as their source says`,
    needs: [{ folder: FOLDER }],
    fn() {
      for (const { asserted_by_source, bytes, name } of load(os)) {
        // The source misreads masks that are cut short, as those of NetBSD are (secdev/scapy#4894).
        const masks = os !== "netbsd";
        const routes = legibleRoutes(os, bytes, masks);
        for (const expected of asserted_by_source!.routes!) {
          const route = legibleExpectation(expected, masks);
          // The source makes multicast routes up for its own use.
          if (route.startsWith("224.0.0.0") && os !== "openbsd") continue;
          assert(routes.includes(route), `${name}: ${route} is not among\n${routes.join("\n")}`);
        }
      }
    },
  });
}

function compareBlock(
  name: string,
  bytes: Uint8Array,
  mask: number,
  layout: Layout,
  expected: ReferenceSockaddrs,
): void {
  compareSockaddrs(name, decodeSockaddrBlock(bytes, mask, layout), expected);
}

function compareMessages(
  name: string,
  bytes: Uint8Array,
  layout: Layout,
  expected: readonly ReferenceMessage[],
): number {
  const messages: RouteMessage[] = [];
  forEachMessage(bytes, (message) => messages.push(message));
  assertEquals(messages.length, expected.length, name);
  messages.forEach((message, i) => {
    const reference = expected[i]!;
    const where = `${name}, message ${i}`;
    const { bytes, type, version } = message;
    assertEquals([bytes.length, version, type], [
      reference.msglen,
      reference.version,
      reference.type,
    ], where);
    const header = headerOf(message, layout);
    assert(header !== null, where);
    const field = (at: number | undefined) =>
      at === undefined
        ? undefined
        : new DataView(bytes.buffer, bytes.byteOffset).getInt32(at, true);
    assertEquals(
      new DataView(bytes.buffer, bytes.byteOffset).getUint16(header.index, true),
      reference.index,
      where,
    );
    assertEquals(field(header.flags)! >>> 0, reference.flags >>> 0, where);
    assertEquals(
      [field(header.pid), field(header.sequence), field(header.error)],
      [reference.pid, reference.seq, reference.errno],
      where,
    );
    assertEquals(slotsOf(message, header, layout).length, layout.sockaddrs);
    compareSockaddrs(where, decodeMessageSockaddrs(message, header, layout), reference.sockaddrs);
  });
  return messages.length;
}

function compareSockaddrs(
  name: string,
  actual: (Sockaddr | number | null)[],
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

function legibleSockaddr(sockaddr: Sockaddr | null): unknown {
  switch (sockaddr?.kind) {
    case "ip":
      return [formatIp(sockaddr.bytes), sockaddr.scopeId];
    case "link":
      return [sockaddr.index, new TextDecoder().decode(sockaddr.name), sockaddr.address.toHex()];
    default:
      return sockaddr;
  }
}

function legibleReference(reference: Reference): unknown {
  switch (reference.kind) {
    case "link":
      return [
        reference.index,
        reference.name ?? "",
        reference.lladdr?.replaceAll(":", "") ?? "",
      ];
    case "raw":
      return { kind: "other", family: reference.family };
    default:
      return [reference.addr, reference.embedded_scope || reference.sin6_scope_id || null];
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
    const route = decodeRoute(message, headerOf(message, layout)!, layout);
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
