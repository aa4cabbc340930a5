// The multicast event socket: group memberships, BPF filter, receive buffer size and canary.
import { DecodeError, SystemCallError } from "../../state/errors.ts";
import { LONGEST_DEFAULT } from "../default_route.ts";
import { errnoName } from "../errno.ts";
import type { SocketPort } from "../event_socket.ts";
import { POLLERR } from "../poll_loop.ts";
import { SLICE_MS } from "../timers.ts";
import { C } from "./constants.ts";
import { AGEING, decodeEvent, type KernelEvent, NDM_FLAGS, NDM_STATE } from "./messages.ts";
import { encodeMessage, forEachMessage } from "./netlink.ts";
import { RECEIVE_BATCH, type Syscalls } from "./syscalls.ts";

/** In the mask of bind(), group n is bit n - 1. */
const GROUP_MASK = [
  C.RTNLGRP_LINK,
  C.RTNLGRP_NEIGH,
  C.RTNLGRP_IPV4_IFADDR,
  C.RTNLGRP_IPV4_ROUTE,
  C.RTNLGRP_IPV4_RULE,
  C.RTNLGRP_IPV6_IFADDR,
  C.RTNLGRP_IPV6_ROUTE,
  C.RTNLGRP_IPV6_RULE,
  C.RTNLGRP_NEXTHOP,
].reduce((mask, group) => (mask | (1 << (group - 1))) >>> 0, 0);

export const FLOOD_MESSAGES = 3_000; // messages that take as long as a read of a small network, with its publication

/** A netlink socket in the groups of links, addresses, routes, rules, nexthop objects and neighbours. */
export class NetlinkEventSocket implements SocketPort<KernelEvent> {
  readonly descriptor: number;
  readonly batch = RECEIVE_BATCH;
  trace?: (event: KernelEvent) => void; // called within the time limit of a slice: the log may be slow
  readonly #syscalls: Syscalls;
  readonly #cookie: bigint;
  readonly #memberships: string;
  #drops = 0; // as far as known
  #sequence = 0;

  /** Opens and binds the socket: the kernel queues events from now on. Throws SystemCallError. */
  constructor(syscalls: Syscalls, receiveBufferBytes = 1_048_576) {
    this.#syscalls = syscalls;
    this.descriptor = syscalls.openNetlink(GROUP_MASK);
    // SO_RCVBUFFORCE needs CAP_NET_ADMIN and has no limit; SO_RCVBUF is limited to net.core.rmem_max.
    if (!syscalls.setOption(this.descriptor, C.SOL_SOCKET, C.SO_RCVBUFFORCE, receiveBufferBytes)) {
      syscalls.setOption(this.descriptor, C.SOL_SOCKET, C.SO_RCVBUF, receiveBufferBytes);
    }
    attachFilter(syscalls, this.descriptor);
    this.#cookie = syscalls.cookie(this.descriptor);
    // An old kernel joins fewer groups than it was asked to.
    this.#memberships = this.#listMemberships();
  }

  receive(events: KernelEvent[]): number {
    const from = events.length;
    const received = this.#syscalls.receive(this.descriptor);
    for (let i = 0; i < received; i++) {
      if (!this.#syscalls.buffer.isFromKernel(i)) events.push({ kind: "spoofed" });
      else decodeDatagram(this.#syscalls.buffer.datagram(i), events);
    }
    if (this.trace !== undefined) events.slice(from).forEach(this.trace);
    return received;
  }

  /**
   * No decision depends on errno. A failed receive clears the pending error, so the kernel's count of
   * dropped messages is checked for an overflow, too.
   */
  checkErrors(revents: number, events: KernelEvent[]): boolean {
    if (revents !== 0 && (revents & POLLERR) === 0) return false;
    const drops = this.#syscalls.drops(this.descriptor) ?? this.#drops;
    const dropped = drops !== this.#drops;
    this.#drops = drops;
    // a pending error would fail the next receive
    const code = dropped || revents & POLLERR ? this.#syscalls.takeError(this.descriptor) : 0;
    if (!dropped && code === 0) return false;
    if (code !== 0 && code !== C.ENOBUFS) {
      throw new SystemCallError("recv of routing messages", code, errnoName("linux", code));
    }
    events.push({ kind: "overflow" });
    return true;
  }

  discard(): "overflow" | "resync" | null {
    const drops = this.#drops;
    // a full queue costs nothing: while there is no room, the kernel counts messages instead of queueing them
    if (this.checkErrors(POLLERR, []) && this.#drops - drops > FLOOD_MESSAGES) return "overflow";
    const end = performance.now() + SLICE_MS;
    let count = 0;
    for (let n = this.batch; n === this.batch && performance.now() < end; count += n) {
      n = this.#syscalls.receive(this.descriptor);
    }
    if (this.checkErrors(POLLERR, [])) return "overflow"; // lost meanwhile
    return count > FLOOD_MESSAGES / 6 ? "resync" : null;
  }

  /** Whether the descriptor is still this socket, and the socket still in the groups that it joined. */
  hasMemberships(): boolean {
    return this.#isOurs() && this.#listMemberships() === this.#memberships;
  }

  /** Asks the kernel for an acknowledgement, which arrives like an event. Returns its sequence number. */
  sendCanary(): number {
    const flags = C.NLM_F_REQUEST | C.NLM_F_ACK;
    this.#syscalls.send(this.descriptor, encodeMessage(C.NLMSG_NOOP, flags, [], ++this.#sequence));
    return this.#sequence;
  }

  /** Closes the socket, unless its descriptor belongs to another file by now. No poll may be watching it. */
  close(): void {
    if (this.#isOurs()) this.#syscalls.close(this.descriptor);
  }

  #isOurs(): boolean {
    return this.#syscalls.cookie(this.descriptor) === this.#cookie;
  }

  #listMemberships(): string {
    const words = new Uint32Array(4); // all zero if the kernel refuses
    this.#syscalls.getOption(this.descriptor, C.SOL_NETLINK, C.NETLINK_LIST_MEMBERSHIPS, words);
    return words.join();
  }
}

/** Appends the events of a datagram; the part that cannot be decoded becomes one `malformed` event. */
function decodeDatagram(datagram: Uint8Array | null, events: KernelEvent[]): void {
  if (datagram === null) return void events.push({ kind: "malformed" });
  try {
    forEachMessage(datagram, (message) => void events.push(decodeEvent(message)));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    events.push({ kind: "malformed" });
  }
}

// linux/bpf_common.h: class, size and mode, or'ed.
const BPF_LD_B_ABS = 0x30; // BPF_LD | BPF_B | BPF_ABS
const BPF_JMP_JEQ_K = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const BPF_JMP_JGT_K = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const BPF_JMP_JSET_K = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const BPF_RET_K = 0x06; // BPF_RET | BPF_K

// Single bytes are loaded, since BPF loads longer values in network order. nlmsg_type is at 4; after the
// header, a route message begins with rtm_family and rtm_dst_len, a neighbour message with ndm_family.
const TYPE_LOW = 4;
const TYPE_HIGH = 5;
const FAMILY = C.NLMSGHDR_SIZE;
const DESTINATION_LENGTH = C.NLMSGHDR_SIZE + 1;

/**
 * Drops routes that cannot be default routes, and neighbours that say nothing about a router, by the same rules
 * as `decodeEvent()`, which applies them if the kernel refuses the filter: a router that takes a million BGP
 * routes wakes nobody (tailscale#7621: 150 to 300 % CPU). Each instruction is its code, the jumps if it is true (`yes`)
 * and if it is false (`no`), counted from the next instruction, and its operand `k`.
 */
const PROGRAM: readonly [code: number, yes: number, no: number, k: number][] = [
  [BPF_LD_B_ABS, 0, 0, TYPE_HIGH],
  [BPF_JMP_JEQ_K, 0, 20, 0],
  [BPF_LD_B_ABS, 0, 0, TYPE_LOW],
  [BPF_JMP_JEQ_K, 4, 0, C.RTM_NEWROUTE],
  [BPF_JMP_JEQ_K, 3, 0, C.RTM_DELROUTE],
  [BPF_JMP_JEQ_K, 8, 0, C.RTM_NEWNEIGH],
  [BPF_JMP_JEQ_K, 7, 0, C.RTM_DELNEIGH],
  [BPF_JMP_JEQ_K, 13, 14, C.RTM_GETNEIGH],
  // 8: a route
  [BPF_LD_B_ABS, 0, 0, FAMILY],
  [BPF_JMP_JEQ_K, 0, 2, C.AF_INET],
  [BPF_LD_B_ABS, 0, 0, DESTINATION_LENGTH],
  [BPF_JMP_JGT_K, 9, 10, LONGEST_DEFAULT.IPv4],
  [BPF_LD_B_ABS, 0, 0, DESTINATION_LENGTH],
  [BPF_JMP_JGT_K, 7, 8, LONGEST_DEFAULT.IPv6],
  // 14: a neighbour
  [BPF_LD_B_ABS, 0, 0, FAMILY],
  [BPF_JMP_JEQ_K, 0, 5, C.AF_INET6],
  [BPF_LD_B_ABS, 0, 0, C.NLMSGHDR_SIZE + NDM_STATE],
  [BPF_JMP_JEQ_K, 4, 0, C.NUD_FAILED],
  [BPF_JMP_JSET_K, 2, 0, AGEING],
  [BPF_LD_B_ABS, 0, 0, C.NLMSGHDR_SIZE + NDM_FLAGS],
  [BPF_JMP_JSET_K, 1, 0, C.NTF_ROUTER],
  [BPF_RET_K, 0, 0, 0], // drops the datagram
  [BPF_RET_K, 0, 0, 0xffffffff], // keeps all of it
];

/** Installs the program on a socket. If the kernel refuses it, more events arrive, which are ignored. */
export function attachFilter(syscalls: Syscalls, socket: number): void {
  // struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }, linux/filter.h
  const words = PROGRAM.flatMap(([code, yes, no, k]) => [code | (yes << 16) | (no << 24), k]);
  const instructions = new Uint8Array(Uint32Array.from(words).buffer);
  // struct sock_fprog { u16 len; (pad) struct sock_filter *filter; }
  const program = BigUint64Array.of(BigInt(PROGRAM.length), syscalls.addressOf(instructions));
  syscalls.setOption(socket, C.SOL_SOCKET, C.SO_ATTACH_FILTER, program);
  // Keeps the buffer from being collected until here: by now the kernel has copied the program.
  instructions.fill(0);
}
