// The multicast event socket: group memberships, BPF filter, receive buffer size and canary.
import { DecodeError, SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import type { SocketPort } from "../event_socket.ts";
import { POLLERR } from "../poll_loop.ts";
import { attachFilter, decodeEvent, type KernelEvent } from "./classify.ts";
import * as C from "./constants.ts";
import { encodeMessage, forEachMessage } from "./netlink.ts";
import { RECEIVE_BATCH, type Syscalls } from "./syscalls.ts";

const GROUPS = [
  C.RTNLGRP_LINK,
  C.RTNLGRP_NEIGH,
  C.RTNLGRP_IPV4_IFADDR,
  C.RTNLGRP_IPV4_ROUTE,
  C.RTNLGRP_IPV4_RULE,
  C.RTNLGRP_IPV6_IFADDR,
  C.RTNLGRP_IPV6_ROUTE,
  C.RTNLGRP_IPV6_RULE,
  C.RTNLGRP_NEXTHOP,
];
/** In the mask of bind(), group n is bit n - 1. */
const GROUP_MASK = GROUPS.reduce((mask, group) => (mask | (1 << (group - 1))) >>> 0, 0);

/** A netlink socket in the groups of links, addresses, routes, rules, nexthop objects and routers. */
export class NetlinkEventSocket implements SocketPort<KernelEvent> {
  readonly descriptor: number;
  readonly batch = RECEIVE_BATCH;
  readonly #syscalls: Syscalls;
  readonly #cookie: string;
  readonly #memberships: string;
  #drops: number;

  /**
   * Opens and binds the socket: the kernel queues events from now on.
   *
   * @throws {SystemCallError} if the kernel refuses (sandboxes, Android: golang/go#40569)
   */
  constructor(syscalls: Syscalls, receiveBufferBytes: number) {
    this.#syscalls = syscalls;
    this.descriptor = syscalls.openNetlink(GROUP_MASK);
    // The first needs CAP_NET_ADMIN and has no limit, the second stops at net.core.rmem_max.
    if (!syscalls.setOption(this.descriptor, C.SOL_SOCKET, C.SO_RCVBUFFORCE, receiveBufferBytes)) {
      syscalls.setOption(this.descriptor, C.SOL_SOCKET, C.SO_RCVBUF, receiveBufferBytes);
    }
    attachFilter(syscalls, this.descriptor);
    this.#cookie = this.#option(C.SOL_SOCKET, C.SO_COOKIE, 8);
    // An old kernel joins fewer groups than it was asked to.
    this.#memberships = this.#listMemberships();
    this.#drops = syscalls.drops(this.descriptor) ?? 0;
  }

  receive(events: KernelEvent[]): number {
    const received = this.#syscalls.receive(this.descriptor);
    for (let i = 0; i < received; i++) {
      if (!this.#syscalls.isFromKernel(i)) events.push({ kind: "spoofed" });
      else decodeDatagram(this.#syscalls.datagram(i), events);
    }
    return received;
  }

  /**
   * errno decides nothing. A failed receive clears the pending error, so an overflow shows in the
   * kernel's count of dropped messages, too.
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

  /** Whether the descriptor is still this socket, and the socket still in the groups that it joined. */
  hasMemberships(): boolean {
    return this.#isOurs() && this.#listMemberships() === this.#memberships;
  }

  /** Asks the kernel for an acknowledgement, which arrives like an event. */
  sendCanary(sequence: number): void {
    const flags = C.NLM_F_REQUEST | C.NLM_F_ACK;
    this.#syscalls.send(
      this.descriptor,
      encodeMessage(C.NLMSG_NOOP, flags, sequence, new Uint8Array()),
    );
  }

  /**
   * Closes the socket. No poll may be watching it. If somebody else closed it, the number may belong to
   * another file by now and is left alone.
   */
  close(): void {
    if (this.#isOurs()) this.#syscalls.close(this.descriptor);
  }

  #isOurs(): boolean {
    return this.#option(C.SOL_SOCKET, C.SO_COOKIE, 8) === this.#cookie;
  }

  #listMemberships(): string {
    return this.#option(C.SOL_NETLINK, C.NETLINK_LIST_MEMBERSHIPS, 16);
  }

  /** The bytes of an option as text; empty if it is refused. */
  #option(level: number, option: number, size: number): string {
    const bytes = new Uint8Array(size);
    const length = this.#syscalls.getOption(this.descriptor, level, option, bytes);
    return length === null ? "" : bytes.join();
  }
}

/** Appends the events of a datagram; what cannot be decoded is one `malformed`. */
function decodeDatagram(datagram: Uint8Array | null, events: KernelEvent[]): void {
  if (datagram === null) return void events.push({ kind: "malformed" });
  try {
    forEachMessage(datagram, (message) => void events.push(decodeEvent(message)));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    events.push({ kind: "malformed" });
  }
}
