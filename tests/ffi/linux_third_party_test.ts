/**
 * Decodes the captures of other projects, if a folder with them stands beside the checkout. The images of
 * `linux_unread_attributes_test.ts` show the same attributes without them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { decodeAddress, decodeLink, decodeRoute } from "../../ffi/linux/messages.ts";
import { forEachMessage } from "../../ffi/linux/netlink.ts";
import {
  type Content,
  decodeBody,
  decodesOrRefuses,
  hex,
  splitDatagram,
} from "../support/netlink.ts";
import { isReadable } from "../support/skip.ts";

const FOLDER = new URL("../../../shared/fixtures/", import.meta.url);

/** An attribute as the reference decoder wrote it down. */
interface Attribute {
  name: string;
  value: unknown;
}

/** A message body as the reference decoder wrote it down: header fields by their C names, `attrs`. */
type Payload = Record<string, number> & { attrs: Attribute[] };

/** The file beside each `.hex`. */
interface Description {
  message_kind?: "link" | "address" | "route" | "rule";
  decoded_by_reference_decoder?: Payload;
  decoded?: { nlmsg_type: number; payload: Payload }[] | null;
  asserted_by_source?: { error?: string | null };
}

/** Any type of message of the kind. */
const TYPES = { link: 16, address: 20, route: 24, rule: 32 };

interface ThirdParty extends Description {
  name: string;
  bytes: Uint8Array;
}

function load(folder: string, prefix: RegExp): ThirdParty[] {
  const directory = new URL(`${folder}/`, FOLDER);
  return [...Deno.readDirSync(directory)]
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".hex") && prefix.test(name))
    .sort()
    .map((name) => ({
      ...JSON.parse(Deno.readTextFileSync(new URL(name.replace(".hex", ".json"), directory))),
      name,
      bytes: hex(Deno.readTextFileSync(new URL(name, directory))),
    }));
}

/** Registers a test if the folder is there. */
function thirdPartyTest(name: string, fn: () => void): void {
  if (isReadable(FOLDER)) Deno.test(name, fn);
}

thirdPartyTest("third-party captures decode as the reference decoder says", () => {
  const bodies = load("linux", /^rustnl-/);
  for (const { name, bytes, message_kind, decoded_by_reference_decoder } of bodies) {
    assert(message_kind !== undefined && decoded_by_reference_decoder !== undefined, name);
    compare(name, TYPES[message_kind], bytes, decoded_by_reference_decoder);
  }
  const datagrams = load("linux", /^pyroute2-/);
  for (const { name, bytes, decoded } of datagrams) {
    const messages = splitDatagram(bytes);
    assertEquals(messages.length, decoded?.length, name);
    for (const [i, { type, body }] of messages.entries()) {
      compare(name, type, body, decoded![i]!.payload);
    }
  }
  assert(bodies.length >= 70 && datagrams.length >= 1, "The folder holds less than it should");
});

thirdPartyTest("forEachMessage() frames third-party messages as mdlayher/netlink does", () => {
  const cases = load("malformed", /^mdlayher-/);
  for (const { name, bytes, asserted_by_source } of cases) {
    const understood = decodesOrRefuses(() => forEachMessage(bytes, () => {}), () => name);
    assertEquals(understood, asserted_by_source?.error === null, name);
  }
  assert(cases.length >= 5, "The folder holds less than it should");
});

thirdPartyTest("third-party hostile input is refused with DecodeError only", () => {
  for (const { name, bytes } of load("malformed", /./)) {
    for (const decode of [decodeLink, decodeAddress, decodeRoute]) {
      decodesOrRefuses(() => decode(bytes), () => name);
    }
    decodesOrRefuses(() => forEachMessage(bytes, () => {}), () => name);
  }
});

function compare(name: string, type: number, body: Uint8Array, payload: Payload): void {
  const actual = decodeBody({ type, flags: 0, sequence: 0, body });
  const expected = expectedContent(type, payload);
  // The reference decoder leaves the cache info as a number of bytes.
  if (expected.route && actual.route && has(payload, "RTA_CACHEINFO")) {
    expected.route.expiresInSeconds = actual.route.expiresInSeconds;
  }
  assertEquals(actual, expected, name);
}

function expectedContent(type: number, payload: Payload): Content {
  switch (type) {
    case TYPES.link:
      return { link: expectedLink(payload) };
    case TYPES.address:
      return { address: expectedAddress(payload) };
    case TYPES.route:
      return { route: expectedRoute(payload) };
    default:
      return {};
  }
}

function expectedLink(payload: Payload): Required<Content>["link"] {
  const mac = value<string>(payload, "IFLA_ADDRESS");
  return {
    family: payload.ifi_family!,
    hardwareType: payload.ifi_type!,
    index: payload.ifi_index!,
    flags: payload.ifi_flags!,
    name: value<string>(payload, "IFLA_IFNAME") ?? "",
    mac: mac?.length === 17 && mac !== "00:00:00:00:00:00" ? mac : null,
    mtu: value<number>(payload, "IFLA_MTU") ?? null,
    operstate: value<{ value: number }>(payload, "IFLA_OPERSTATE")?.value ?? 0,
    kind: value<{ KIND?: string }>(payload, "IFLA_LINKINFO")?.KIND ?? null,
    master: value<number>(payload, "IFLA_MASTER"),
    parent: expectedParent(payload),
  };
}

function expectedParent(payload: Payload): number | null {
  const parent = value<number>(payload, "IFLA_LINK");
  return parent === payload.ifi_index || has(payload, "IFLA_LINK_NETNSID") ? null : parent || null;
}

function expectedAddress(payload: Payload): Required<Content>["address"] {
  const address = value<string>(payload, "IFA_ADDRESS");
  const local = value<string>(payload, "IFA_LOCAL");
  return {
    family: payload.ifa_family === 2 ? "IPv4" : "IPv6",
    index: payload.ifa_index!,
    prefixLength: payload.ifa_prefixlen!,
    flags: value<number>(payload, "IFA_FLAGS") ?? payload.ifa_flags!,
    local: (local ?? address)!,
    peer: local !== null && local !== address ? address : null,
  };
}

function expectedRoute(payload: Payload): Required<Content>["route"] {
  const hops = value<(Payload & { attrs: Attribute[] })[]>(payload, "RTA_MULTIPATH") ?? [];
  return {
    family: payload.rtm_family!,
    destinationLength: payload.rtm_dst_len!,
    type: payload.rtm_type!,
    flags: payload.rtm_flags!,
    outInterface: value<number>(payload, "RTA_OIF"),
    gateway: gatewayOf(payload),
    source: value<string>(payload, "RTA_PREFSRC"),
    metric: value<number>(payload, "RTA_PRIORITY"),
    expiresInSeconds: null,
    nexthops: hops.map((hop) => ({
      outInterface: hop.rtnh_ifindex!,
      gateway: gatewayOf(hop),
      flags: hop.rtnh_flags!,
    })),
    nexthopId: value<number>(payload, "RTA_NH_ID"),
  };
}

function gatewayOf(payload: Payload): string | null {
  return value<string>(payload, "RTA_GATEWAY") ??
    value<{ addr: string }>(payload, "RTA_VIA")?.addr ?? null;
}

function has(payload: Payload, name: string): boolean {
  return payload.attrs.some((attribute) => attribute.name === name);
}

function value<T>(payload: Payload, name: string): T | null {
  return (payload.attrs.find((attribute) => attribute.name === name)?.value ?? null) as T | null;
}
