/**
 * A kernel that knows routes and answers questions about them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Attributes, forEachMessage } from "../../ffi/linux/netlink.ts";
import type { RouteMessage } from "../../ffi/linux/messages.ts";
import type { AskRoutes } from "../../ffi/linux/route_lookup.ts";
import { formatIp, type IpBytes, parseIp } from "../../state/ip.ts";

/** A route as it is written in a test. */
export interface FakeRoute {
  /** A prefix such as `0.0.0.0/0`, or several with the same route. */
  to: string | string[];
  /** The prefix of the source addresses that it is for; any, and none yet, if left out. */
  from?: string;
  /** The index of the interface; none for unreachable and similar types. */
  dev?: number;
  /** The next hop, of either family. */
  via?: string;
  /** The gateway of an ICMP redirect for the destination: the route that matches does not have it. */
  redirect?: string;
  /** Several next hops instead. */
  hops?: { dev: number; via?: string; dead?: boolean; carrier?: boolean; source?: string }[];
  /** RTN_*; 1 (unicast) if left out. The kernel answers a query with an error if the type is 6 or above. */
  type?: number;
  /** A nexthop object with these hops: the match names it and no hop (nexthop_compat_mode=0). */
  object?: number;
  /** The match names the hops of the nexthop object too (nexthop_compat_mode=1). */
  compat?: boolean;
  /** The address that the kernel would send from. */
  source?: string;
  /** The metric; the lowest wins among the same prefix. */
  metric?: number;
  /** Seconds until the route expires. */
  expires?: number;
  /** The kernel returns the route although its type is unreachable, blackhole or prohibit. */
  returned?: boolean;
}

/** One question. */
export interface AskedRoute {
  /** The destination. */
  to: string;
  /** RTM_F_FIB_MATCH is asked for. */
  fibMatch: boolean;
  /** The interface that the route must go through; null for any. */
  dev: number | null;
  /** The address to send from; null: none yet. */
  source: string | null;
}

/**
 * A kernel that answers by longest prefix, then metric, and takes equal routes in turn, as Linux does in IPv4 while it
 * knows the hardware addresses of their gateways.
 */
export class FakeRoutes {
  /** The questions of each datagram. */
  readonly asked: AskedRoute[][] = [];
  /**
   * What becomes of RTM_F_FIB_MATCH. gVisor refuses it with an error (parseForDestination() in netlink/route); Linux
   * before 4.13 does not know it and answers as without it.
   */
  fibMatch: "answered" | "refused" | "ignored" = "answered";
  #turn = 0;
  readonly #routes: { prefix: IpBytes; length: number; route: FakeRoute }[];

  /** With these routes, in any order. */
  constructor(routes: readonly FakeRoute[]) {
    this.#routes = routes.flatMap((route) =>
      [route.to].flat().map((to) => {
        const [text = "", length = ""] = to.split("/");
        return { prefix: parseIp(text)!, length: Number(length), route };
      })
    );
  }

  /** Answers. */
  readonly ask: AskRoutes = (queries) => {
    const asked = queries.map(readQuestion);
    this.asked.push(asked);
    return asked.map((question) => {
      if (this.fibMatch === "answered" || !question.fibMatch) return this.#answer(question);
      const answer = this.fibMatch === "refused"
        ? null
        : this.#answer({ ...question, fibMatch: false });
      return answer && { ...answer, flags: 0x200 }; // RTM_F_CLONED
    });
  };

  #answer({ to, fibMatch, dev, source }: AskedRoute): RouteMessage | null {
    const address = parseIp(to)!;
    const matching = this.#routes
      .filter(({ prefix, length }) => covers(prefix, length, address))
      .filter(({ route }) => dev === null || devices(route).includes(dev))
      .filter(({ route: { from } }) => from === undefined || source !== null && isIn(from, source))
      .sort((a, b) => b.length - a.length || (a.route.metric ?? 0) - (b.route.metric ?? 0));
    const equal = matching.filter(({ length, route }) =>
      length === matching[0]!.length && route.metric === matching[0]!.route.metric
    );
    const best = equal[dev === null && equal.length > 1 ? this.#turn++ % equal.length : 0];
    if (best === undefined) return null;
    const { length, route } = best;
    if ((route.type ?? 1) >= 6 && route.returned !== true) return null;
    const hops = (route.hops ?? []).map((hop) => ({
      outInterface: hop.dev,
      gateway: hop.via === undefined ? null : parseIp(hop.via),
      flags: hop.dead ? 1 : hop.carrier === false ? 16 : 0,
    }));
    const object = route.object ?? null;
    if (object !== null && fibMatch && route.compat !== true) {
      return { ...this.#bare(address, length, route), nexthopId: object };
    }
    // the kernel also picks hops without carrier (ignore_routes_with_linkdown is off)
    const picked = (route.hops ?? []).findIndex((hop) =>
      !hop.dead && (dev === null || hop.dev === dev)
    );
    if (picked >= 0 && !fibMatch) {
      const { source = route.source } = route.hops![picked]!;
      const { gateway, outInterface } = hops[picked]!;
      return {
        ...this.#bare(address, address.length * 8, { ...route, source }),
        gateway,
        outInterface,
      };
    }
    const isRedirected = route.redirect !== undefined && !fibMatch;
    const via = isRedirected ? route.redirect : route.via;
    return {
      family: address.length === 4 ? 2 : 10,
      destinationLength: fibMatch ? length : address.length * 8,
      type: route.type ?? 1,
      flags: isRedirected && address.length === 4 ? 0x40000 : 0, // RTCF_REDIRECTED; IPv6 does not say
      outInterface: route.dev ?? null,
      gateway: via === undefined ? null : parseIp(via),
      source: fibMatch || route.source === undefined ? null : parseIp(route.source),
      metric: fibMatch ? route.metric ?? null : null,
      expiresInSeconds: route.expires ?? null,
      nexthops: fibMatch ? hops : [],
      nexthopId: fibMatch ? object : null,
    };
  }

  /** An answer that names no hop. */
  #bare(
    address: IpBytes,
    length: number,
    { metric, source }: { metric?: number | undefined; source?: string | undefined },
  ): RouteMessage {
    return {
      family: address.length === 4 ? 2 : 10,
      destinationLength: length,
      type: 1,
      flags: 0,
      outInterface: null,
      gateway: null,
      source: source === undefined ? null : parseIp(source),
      metric: metric ?? null,
      expiresInSeconds: null,
      nexthops: [],
      nexthopId: null,
    };
  }
}

function devices(route: FakeRoute): (number | undefined)[] {
  return [route.dev, ...(route.hops ?? []).map((hop) => hop.dev)];
}

function isIn(prefix: string, address: string): boolean {
  const [text = "", length] = prefix.split("/");
  return covers(parseIp(text)!, Number(length), parseIp(address)!);
}

function covers(prefix: IpBytes, length: number, address: IpBytes): boolean {
  if (prefix.length !== address.length) return false;
  for (let bit = 0; bit < length; bit++) {
    const mask = 0x80 >> (bit % 8);
    if (((prefix[bit >> 3]! ^ address[bit >> 3]!) & mask) !== 0) return false;
  }
  return true;
}

/** struct rtmsg is 12 bytes, its flags the last 4; RTA_DST is 1, RTA_SRC 2 and RTA_OIF 4 (linux/rtnetlink.h). */
function readQuestion(request: Uint8Array): AskedRoute {
  const question: AskedRoute = { to: "", fibMatch: false, dev: null, source: null };
  forEachMessage(request, ({ body }) => {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    question.fibMatch = (view.getUint32(8, true) & 0x2000) !== 0;
    const attributes = new Attributes(body, 12);
    question.to = formatIp(attributes.value(1)!);
    question.dev = attributes.u32(4, "RTA_OIF");
    const source = attributes.value(2);
    question.source = source && formatIp(source);
    // strict checking refuses other lengths (inet6_rtm_valid_getroute_req() in net/ipv6/route.c)
    const lengths = [body[1], body[2]];
    const bits = attributes.value(1)!.length * 8;
    assertEquals(lengths, [bits, source === null ? 0 : bits]);
  });
  return question;
}
