// Which messages of the event socket matter, what they mean, and what they change in the link table. A BPF
// program decides it in the kernel, and the decoder again, for kernels that refuse the program. A router that
// takes a million BGP routes wakes nobody (tailscale#7621: 150 to 300 % CPU).
import { LONGEST_DEFAULT_IPV4, LONGEST_DEFAULT_IPV6 } from "../default_route.ts";
import {
  type AddressMessage,
  canBeDefault,
  decodeAddress,
  decodeLink,
  type LinkMessage,
} from "./messages.ts";
import * as C from "./constants.ts";
import type { LinkTable } from "./link_table.ts";
import type { NetlinkMessage } from "./netlink.ts";
import type { Syscalls } from "./syscalls.ts";

/** A decoded message, or what became of one. */
export type KernelEvent =
  | { kind: "link"; link: LinkMessage }
  | { kind: "link-gone"; index: number }
  | { kind: "address" | "address-gone"; address: AddressMessage }
  /** Nothing in the link table, but the default route may have changed. */
  | { kind: "routes" }
  /** The answer to a canary. */
  | { kind: "acknowledgement"; sequence: number }
  /** Says nothing about the state. */
  | { kind: "noise" }
  /** Of an unknown type or not decodable: the state must be read again. */
  | { kind: "malformed" }
  /** Not sent by the kernel. */
  | { kind: "spoofed" }
  /** The kernel dropped messages. */
  | { kind: "overflow" };

const ROUTES: KernelEvent = { kind: "routes" };
const NOISE: KernelEvent = { kind: "noise" };
const MALFORMED: KernelEvent = { kind: "malformed" };

/**
 * Decodes one message.
 *
 * @throws {DecodeError} if it is cut or contradicts itself
 */
export function decodeEvent(message: NetlinkMessage): KernelEvent {
  const { body, type } = message;
  switch (type) {
    case C.RTM_NEWADDR:
    case C.RTM_DELADDR: {
      const address = decodeAddress(body);
      if (address === null) return NOISE;
      return { kind: type === C.RTM_NEWADDR ? "address" : "address-gone", address };
    }
    case C.RTM_NEWLINK:
    case C.RTM_DELLINK: {
      const link = decodeLink(body);
      // A message of family AF_BRIDGE is about a bridge port: "deleted" means that the link left the bridge.
      if (link.family !== C.AF_UNSPEC) return NOISE;
      return type === C.RTM_NEWLINK
        ? { kind: "link", link }
        : { kind: "link-gone", index: link.index };
    }
    case C.RTM_NEWROUTE:
    case C.RTM_DELROUTE:
      // struct rtmsg: family, destination length. The BPF filter decides the same where it is installed.
      return body.length < 2 || canBeDefault(body[0]!, body[1]!) ? ROUTES : NOISE;
    case C.RTM_NEWRULE:
    case C.RTM_DELRULE:
      // Multicast routing has rules of families of its own (RTNL_FAMILY_IPMR, linux/rtnetlink.h).
      return body[0] === C.AF_INET || body[0] === C.AF_INET6 ? ROUTES : NOISE;
    case C.RTM_NEWNEXTHOP:
    case C.RTM_DELNEXTHOP:
      return ROUTES;
    case C.RTM_NEWNEIGH:
    case C.RTM_DELNEIGH:
      // IPv6 switches between two routers by reachability, without a route message (RFC 4191, 3.2).
      return isRouterChange(body) ? ROUTES : NOISE;
    case C.RTM_NEWNEXTHOPBUCKET:
    case C.RTM_DELNEXTHOPBUCKET:
      return NOISE;
    case C.NLMSG_ERROR:
      return { kind: "acknowledgement", sequence: message.sequence };
    default:
      return type < C.RTM_NEWLINK ? NOISE : MALFORMED;
  }
}

/** Applies an event to the table. Returns whether the state may have changed. */
export function applyEvent(table: LinkTable, event: KernelEvent): boolean {
  switch (event.kind) {
    case "link":
      // Even if the record is the same: IPv4 routes come and go with a link's state without a message.
      table.setLink(event.link);
      return true;
    case "link-gone":
      return table.deleteLink(event.index);
    case "address":
      return table.setAddress(event.address);
    case "address-gone":
      return table.deleteAddress(event.address);
    case "routes":
      return true;
    default:
      return false;
  }
}

/**
 * Whether a change of a neighbour can change the default route: the neighbour is a router, and its new
 * state is more than the ageing of a reachable one. `body` is a struct ndmsg.
 */
export function isRouterChange(body: Uint8Array): boolean {
  return body.length > NDM_FLAGS && (body[NDM_FLAGS]! & C.NTF_ROUTER) !== 0 &&
    (body[NDM_STATE]! & AGEING) === 0;
}

/** `rt6_check_neigh()` treats these as reachable (net/ipv6/route.c). */
const AGEING = C.NUD_STALE | C.NUD_DELAY | C.NUD_PROBE;

// struct ndmsg: family 0:1, ifindex 4:4, state 8:2, flags 10:1 (linux/neighbour.h).
const NDM_STATE = 8;
const NDM_FLAGS = 10;

// linux/bpf_common.h: class, size and mode, or'ed.
const BPF_LD_B_ABS = 0x30; // BPF_LD | BPF_B | BPF_ABS
const BPF_JMP_JEQ_K = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const BPF_JMP_JGT_K = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const BPF_JMP_JSET_K = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const BPF_RET_K = 0x06; // BPF_RET | BPF_K
const WHOLE_DATAGRAM = 0xffffffff;
const NOTHING = 0;

// Single bytes are loaded, since BPF loads longer values in network order. nlmsg_type is at 4; a route
// message goes on with rtm_family and rtm_dst_len (linux/rtnetlink.h).
const TYPE_LOW = 4;
const TYPE_HIGH = 5;
const FAMILY = C.NLMSGHDR_SIZE;
const DESTINATION_LENGTH = C.NLMSGHDR_SIZE + 1;

/** `{ code, jump if true, jump if false, k }`; jumps count from the next instruction. */
type Instruction = [code: number, yes: number, no: number, k: number];

/** Passes everything but routes to more than a default route, and neighbours that say nothing of a router. */
const PROGRAM: readonly Instruction[] = [
  [BPF_LD_B_ABS, 0, 0, TYPE_HIGH],
  [BPF_JMP_JEQ_K, 0, 16, 0],
  [BPF_LD_B_ABS, 0, 0, TYPE_LOW],
  [BPF_JMP_JEQ_K, 3, 0, C.RTM_NEWROUTE],
  [BPF_JMP_JEQ_K, 2, 0, C.RTM_DELROUTE],
  [BPF_JMP_JEQ_K, 7, 0, C.RTM_NEWNEIGH],
  [BPF_JMP_JEQ_K, 6, 11, C.RTM_DELNEIGH],
  // 7: a route
  [BPF_LD_B_ABS, 0, 0, FAMILY],
  [BPF_JMP_JEQ_K, 0, 2, C.AF_INET],
  [BPF_LD_B_ABS, 0, 0, DESTINATION_LENGTH],
  [BPF_JMP_JGT_K, 6, 7, LONGEST_DEFAULT_IPV4],
  [BPF_LD_B_ABS, 0, 0, DESTINATION_LENGTH],
  [BPF_JMP_JGT_K, 4, 5, LONGEST_DEFAULT_IPV6],
  // 13: a neighbour
  [BPF_LD_B_ABS, 0, 0, C.NLMSGHDR_SIZE + NDM_FLAGS],
  [BPF_JMP_JSET_K, 0, 2, C.NTF_ROUTER],
  [BPF_LD_B_ABS, 0, 0, C.NLMSGHDR_SIZE + NDM_STATE],
  [BPF_JMP_JSET_K, 0, 1, AGEING],
  [BPF_RET_K, 0, 0, NOTHING],
  [BPF_RET_K, 0, 0, WHOLE_DATAGRAM],
];

/** Installs the program on a socket; false if the kernel refuses it. */
export function attachFilter(syscalls: Syscalls, socket: number): boolean {
  // struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }, linux/filter.h
  const instructions = new Uint8Array(PROGRAM.length * 8);
  const view = new DataView(instructions.buffer);
  PROGRAM.forEach(([code, yes, no, k], i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, yes);
    view.setUint8(i * 8 + 3, no);
    view.setUint32(i * 8 + 4, k, true);
  });
  // struct sock_fprog { u16 len; (pad) struct sock_filter *filter; }
  const program = new Uint8Array(16);
  const programView = new DataView(program.buffer);
  programView.setUint16(0, PROGRAM.length, true);
  programView.setBigUint64(8, syscalls.addressOf(instructions), true);
  const attached = syscalls.setOption(socket, C.SOL_SOCKET, C.SO_ATTACH_FILTER, program);
  // The kernel has copied the program by now; until then the buffer must not be collected.
  instructions.fill(0);
  return attached;
}
