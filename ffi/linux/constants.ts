/**
 * Linux numbers under their C names, each group with the header that defines it. They are the generic
 * ABI: the same on x86_64, aarch64 and riscv64, all of them little-endian. Those of rtnetlink are in
 * `rtnetlink.ts` and handed on from here.
 *
 * @module
 */
export * from "./rtnetlink.ts";

// Address families (linux/socket.h).
/** Any family. */
export const AF_UNSPEC = 0;
/** IPv4. */
export const AF_INET = 2;
/** Bridge ports: such a link message is about a port, not about the link. */
export const AF_BRIDGE = 7;
/** IPv6. */
export const AF_INET6 = 10;
/** Netlink sockets. */
export const AF_NETLINK = 16;

// Sockets (linux/net.h, asm-generic/socket.h, linux/socket.h).
/** The type of a netlink socket. */
export const SOCK_RAW = 3;
/** Or'ed into the type: not inherited by child processes. */
export const SOCK_CLOEXEC = 0x80000;
/** Level of the options below. */
export const SOL_SOCKET = 1;
/** i32: the pending error, cleared by asking; ENOBUFS after an overflow. */
export const SO_ERROR = 4;
/** i32: receive buffer in bytes; the kernel doubles it, up to net.core.rmem_max. */
export const SO_RCVBUF = 8;
/** struct sock_fprog: a classic BPF program. */
export const SO_ATTACH_FILTER = 26;
/** As SO_RCVBUF without that limit; needs CAP_NET_ADMIN. */
export const SO_RCVBUFFORCE = 33;
/** u64, read only: no other socket ever has the same (4.12). */
export const SO_COOKIE = 57;
/** Asked for: the real length. Answered: the datagram was cut. */
export const MSG_TRUNC = 0x20;
/** Do not block in this call. */
export const MSG_DONTWAIT = 0x40;

// poll(2) (asm-generic/poll.h).
/** Something to read. */
export const POLLIN = 0x1;
/** An error is pending; with netlink, an overflow. */
export const POLLERR = 0x8;
/** The other end is gone. */
export const POLLHUP = 0x10;
/** The descriptor is not open. */
export const POLLNVAL = 0x20;

// Clocks and timers (linux/time.h, linux/timerfd.h).
/** Wall clock: steps. */
export const CLOCK_REALTIME = 0;
/** Stops while the machine sleeps. */
export const CLOCK_MONOTONIC = 1;
/** Counts while the machine sleeps. */
export const CLOCK_BOOTTIME = 7;
/** timerfd_settime: the time is absolute. */
export const TFD_TIMER_ABSTIME = 1;
/** timerfd_settime: a step of the clock or a wake from sleep cancels the timer (ECANCELED). */
export const TFD_TIMER_CANCEL_ON_SET = 2;
/** timerfd_create: never block. */
export const TFD_NONBLOCK = 0x800;
/** timerfd_create: not inherited by child processes. */
export const TFD_CLOEXEC = 0x80000;
/** eventfd: never block. */
export const EFD_NONBLOCK = 0x800;
/** eventfd: not inherited by child processes. */
export const EFD_CLOEXEC = 0x80000;

// Error numbers that a decision hangs on (asm-generic/errno-base.h, errno.h).
/** Not permitted. */
export const EPERM = 1;
/** A signal came first: call again. */
export const EINTR = 4;
/** Nothing to read. */
export const EAGAIN = 11;
/** Refused, as Android does to bind(). */
export const EACCES = 13;
/** No such interface. */
export const ENODEV = 19;
/** The request is not understood. */
export const EINVAL = 22;
/** No route. */
export const ENETUNREACH = 101;
/** The receive buffer overflowed. */
export const ENOBUFS = 105;
/** The route says unreachable. */
export const EHOSTUNREACH = 113;
/** The clock was set. */
export const ECANCELED = 125;

// Sizes in bytes of the structs on the wire and in calls (64-bit, generic ABI).
/** struct sockaddr_nl: family 0:2, pad 2:2, pid 4:4, groups 8:4. */
export const SOCKADDR_NL_SIZE = 12;
/** struct pollfd: fd 0:4, events 4:2, revents 6:2. */
export const POLLFD_SIZE = 8;
/** struct nlmsghdr: len 0:4, type 4:2, flags 6:2, seq 8:4, pid 12:4. */
export const NLMSGHDR_SIZE = 16;
/** struct nlmsgerr: error 0:4 (negative), the request's nlmsghdr 4:16. */
export const NLMSGERR_SIZE = 20;
/** struct rtattr: len 0:2 with this header, type 2:2. */
export const RTATTR_SIZE = 4;
/** struct ifinfomsg: family 0:1, type 2:2, index 4:4, flags 8:4, change 12:4. */
export const IFINFOMSG_SIZE = 16;
/** struct ifaddrmsg: family 0, prefixlen 1, flags 2, scope 3, index 4:4. */
export const IFADDRMSG_SIZE = 8;
/** struct rtmsg: family 0, dst_len 1, src_len 2, tos 3, table 4, protocol 5, scope 6, type 7, flags 8:4. */
export const RTMSG_SIZE = 12;
/** struct rtnexthop: len 0:2, flags 2, hops 3, ifindex 4:4, then attributes. */
export const RTNEXTHOP_SIZE = 8;
/** struct fib_rule_hdr: family 0, dst_len 1, src_len 2, tos 3, table 4, action 7, flags 8:4. */
export const FIB_RULE_HDR_SIZE = 12;

// Netlink (linux/netlink.h): protocol, socket options.
/** The protocol of links, addresses, routes and rules. */
export const NETLINK_ROUTE = 0;
/** Level of the options below. */
export const SOL_NETLINK = 270;
/** i32: hear this group. */
export const NETLINK_ADD_MEMBERSHIP = 1;
/** u32 bit set: the groups heard. */
export const NETLINK_LIST_MEMBERSHIPS = 9;
/** Errors do not repeat the whole request. */
export const NETLINK_CAP_ACK = 10;
/** Errors carry a text. */
export const NETLINK_EXT_ACK = 11;
/** Requests are checked strictly, filters of dumps are honoured. */
export const NETLINK_GET_STRICT_CHK = 12;

// Netlink control messages (linux/netlink.h).
/** Nothing. */
export const NLMSG_NOOP = 1;
/** An error, or an acknowledgement. */
export const NLMSG_ERROR = 2;
/** The end of a dump. */
export const NLMSG_DONE = 3;

// Flags of netlink messages (linux/netlink.h).
/** A request. */
export const NLM_F_REQUEST = 0x1;
/** Part of a dump, which NLMSG_DONE ends. */
export const NLM_F_MULTI = 0x2;
/** Answer with an acknowledgement. */
export const NLM_F_ACK = 0x4;
/** The dump is torn, something changed meanwhile: ask again. */
export const NLM_F_DUMP_INTR = 0x10;
/** Request: everything. */
export const NLM_F_DUMP = 0x300;
/** In RTM_NEW*: an existing object was replaced. */
export const NLM_F_REPLACE = 0x100;
/** In NLMSG_ERROR: only the header of the request is repeated. */
export const NLM_F_CAPPED = 0x100;
/** In NLMSG_ERROR: attributes follow. */
export const NLM_F_ACK_TLVS = 0x200;
/** Attribute of NLMSG_ERROR: the error in words. */
export const NLMSGERR_ATTR_MSG = 1;
/** Attribute types without the bits for nested and network byte order. */
export const NLA_TYPE_MASK = 0x3fff;

// Classic BPF (linux/bpf_common.h).
/** Load into A. */
export const BPF_LD = 0x0;
/** Jump. */
export const BPF_JMP = 0x5;
/** Return. */
export const BPF_RET = 0x6;
/** 8 bits. */
export const BPF_B = 0x10;
/** From a fixed offset. */
export const BPF_ABS = 0x20;
/** Equal. */
export const BPF_JEQ = 0x10;
/** Greater, unsigned. */
export const BPF_JGT = 0x20;
/** The constant. */
export const BPF_K = 0x0;
