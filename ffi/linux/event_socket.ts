/**
 * The netlink socket that hears: joined to the groups, filtered in the kernel, with room for a storm.
 *
 * @module
 */
import { SystemCallError } from "../../state/errors.ts";
import { errnoName } from "../errno.ts";
import type { SocketPort } from "../routing_socket.ts";
import {
  ENOBUFS,
  NETLINK_LIST_MEMBERSHIPS,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_NOOP,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
  RTNLGRP_LINK,
  RTNLGRP_NEXTHOP,
  SO_COOKIE,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./constants.ts";
import { attachFilter } from "./bpf_filter.ts";
import type { Syscalls } from "./syscalls.ts";
import { encodeMessage } from "./netlink.ts";

const GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
  RTNLGRP_NEXTHOP,
];
/** In the mask of bind(), group n is bit n - 1. */
const GROUP_MASK = GROUPS.reduce((mask, group) => (mask | (1 << (group - 1))) >>> 0, 0);

const KERNEL_PORT = 0;

/** What is done with datagrams. */
export interface DatagramHandler {
  /** From the kernel; valid only during the call. */
  heard(datagram: Uint8Array): void;
  /** Longer than any message can be: its end is lost. */
  truncated(): void;
  /** From another process: anybody may write to a netlink port. */
  spoofed(): void;
}

/** A netlink socket on the groups of links, addresses, routes, rules and nexthop objects. */
export class EventSocket implements SocketPort {
  /** For the shared poll. Tests reach the socket through it. */
  readonly descriptor: number;
  readonly #kernel: Syscalls;
  readonly #handler: DatagramHandler;
  readonly #cookie: string;
  readonly #memberships: string;

  /**
   * Opens and binds it: it hears from now on.
   *
   * @throws {SystemCallError} when the kernel refuses (sandboxes, Android: golang/go#40569)
   */
  constructor(kernel: Syscalls, receiveBufferBytes: number, handler: DatagramHandler) {
    this.#kernel = kernel;
    this.#handler = handler;
    this.descriptor = kernel.openNetlink(GROUP_MASK);
    // The first needs CAP_NET_ADMIN and knows no limit, the second stops at net.core.rmem_max.
    if (!kernel.setOption(this.descriptor, SOL_SOCKET, SO_RCVBUFFORCE, receiveBufferBytes)) {
      kernel.setOption(this.descriptor, SOL_SOCKET, SO_RCVBUF, receiveBufferBytes);
    }
    attachFilter(kernel, this.descriptor);
    this.#cookie = this.#option(SOL_SOCKET, SO_COOKIE, 8);
    // An old kernel joins fewer groups than it was asked to.
    this.#memberships = this.#listMemberships();
  }

  receive(): boolean {
    const received = this.#kernel.receive(this.descriptor);
    if (received === null) return false;
    if (received.port !== KERNEL_PORT) this.#handler.spoofed();
    else if (received.datagram === null) this.#handler.truncated();
    else this.#handler.heard(received.datagram);
    return true;
  }

  overflowHinted(): boolean {
    return this.#kernel.errno() === ENOBUFS;
  }

  pollNow(): number {
    return this.#kernel.pollNow(this.descriptor);
  }

  takeError(): "overflow" | null | Error {
    const code = this.#kernel.takeError(this.descriptor);
    if (code === ENOBUFS) return "overflow";
    return code === 0
      ? null
      : new SystemCallError("recv of routing messages", code, errnoName("linux", code));
  }

  /** Whether the descriptor is still that of the socket, and the socket in the groups that it joined. */
  hasMemberships(): boolean {
    return this.#isOurs() && this.#listMemberships() === this.#memberships;
  }

  /** Asks the kernel for an acknowledgement that arrives as every event does. */
  sendCanary(sequence: number): void {
    const canary = encodeMessage(
      NLMSG_NOOP,
      NLM_F_REQUEST | NLM_F_ACK,
      sequence,
      new Uint8Array(),
    );
    this.#kernel.send(this.descriptor, new Uint8Array(canary));
  }

  /**
   * Closes it. No poll may be watching it any more. When somebody else has closed it, the number may be
   * that of a stranger's file by now, and is left alone.
   */
  close(): void {
    if (this.#isOurs()) this.#kernel.close(this.descriptor);
  }

  #isOurs(): boolean {
    return this.#option(SOL_SOCKET, SO_COOKIE, 8) === this.#cookie;
  }

  #listMemberships(): string {
    return this.#option(SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, 16);
  }

  /** The bytes of an option as text; empty where it is refused. */
  #option(level: number, option: number, size: number): string {
    const bytes = new Uint8Array(size);
    const length = this.#kernel.getOption(this.descriptor, level, option, bytes);
    return length === null ? "" : bytes.join();
  }
}
