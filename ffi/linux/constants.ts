// Linux numbers under their C names, each group with the header that defines it. They are the generic
// ABI: the same on x86_64, aarch64 and riscv64, all of them little-endian. One object, because V8 reads a
// property of a module namespace by a slow path until a function has run eight times.

const CONSTANTS = {
  // Address families (linux/socket.h).
  AF_UNSPEC: 0, // any family
  AF_INET: 2, // IPv4
  AF_INET6: 10, // IPv6
  AF_NETLINK: 16, // netlink sockets

  // Sockets (linux/net.h, asm-generic/socket.h, linux/socket.h).
  SOCK_RAW: 3, // the type of a netlink socket
  SOCK_CLOEXEC: 0x80000, // or'ed into the type: not inherited by child processes
  SOL_SOCKET: 1, // level of the options below
  SO_ERROR: 4, // i32: the pending error, cleared by reading it; ENOBUFS after an overflow
  SO_RCVBUF: 8, // i32: receive buffer in bytes; capped at net.core.rmem_max, then doubled
  SO_ATTACH_FILTER: 26, // struct sock_fprog: a classic BPF program
  SO_RCVBUFFORCE: 33, // as SO_RCVBUF without that limit; needs CAP_NET_ADMIN
  SO_MEMINFO: 55, // u32 array, read only: SK_MEMINFO_* (linux/sock_diag.h; since 4.12)
  SK_MEMINFO_DROPS: 8, // messages dropped because the receive buffer was full
  SK_MEMINFO_VARS: 9, // the minimum number of entries
  SO_COOKIE: 57, // u64, read only: unique to this socket, never reused (since 4.12)
  MSG_TRUNC: 0x20, // in a call: return the real length. In msg_flags: the datagram was truncated
  MSG_DONTWAIT: 0x40, // do not block in this call

  // Clocks and timers (linux/time.h, linux/timerfd.h).
  CLOCK_REALTIME: 0, // wall clock, which can step
  CLOCK_MONOTONIC: 1, // stops while the machine sleeps
  CLOCK_BOOTTIME: 7, // counts while the machine sleeps
  TFD_TIMER_ABSTIME: 1, // timerfd_settime: the time is absolute
  TFD_TIMER_CANCEL_ON_SET: 2, // reads fail with ECANCELED after a clock step or a sleep
  TFD_NONBLOCK: 0x800, // timerfd_create: never block
  TFD_CLOEXEC: 0x80000, // timerfd_create: not inherited by child processes

  // Error numbers that netwatch acts on (asm-generic/errno-base.h, errno.h).
  ENOBUFS: 105, // the receive buffer overflowed
  EMSGSIZE: 90, // an answer does not fit into its buffer

  // Sizes in bytes of structs, with their fields as offset:size, or offset alone for one byte (64-bit, generic ABI).
  SOCKADDR_NL_SIZE: 12, // struct sockaddr_nl: family 0:2, pad 2:2, pid 4:4, groups 8:4
  NLMSGHDR_SIZE: 16, // struct nlmsghdr: len 0:4, type 4:2, flags 6:2, seq 8:4, pid 12:4
  NLMSGERR_SIZE: 20, // struct nlmsgerr: error 0:4 (negative), request header 4:16
  RTATTR_SIZE: 4, // struct rtattr: len 0:2 (includes this header), type 2:2
  IFINFOMSG_SIZE: 16, // struct ifinfomsg: family 0, type 2:2, index 4:4, flags 8:4
  IFADDRMSG_SIZE: 8, // struct ifaddrmsg: family 0, prefixlen 1, flags 2, index 4:4
  RTMSG_SIZE: 12, // struct rtmsg: family 0, dst_len 1, table 4, type 7, flags 8:4
  RTNEXTHOP_SIZE: 8, // struct rtnexthop: len 0:2, flags 2, index 4:4, attributes from 8

  // Netlink (linux/netlink.h): protocol, socket options.
  NETLINK_ROUTE: 0, // the protocol of links, addresses, routes and rules
  SOL_NETLINK: 270, // level of the options below
  NETLINK_LIST_MEMBERSHIPS: 9, // u32 bit set: the groups joined
  NETLINK_EXT_ACK: 11, // errors carry a text message
  NETLINK_GET_STRICT_CHK: 12, // strict requests, filtered dumps

  // Netlink messages (linux/netlink.h): types, flags, attributes.
  NLMSG_NOOP: 1, // no operation
  NLMSG_ERROR: 2, // an error, or an acknowledgement
  NLMSG_DONE: 3, // the end of a dump
  NLM_F_REQUEST: 0x1, // a request
  NLM_F_MULTI: 0x2, // part of a dump, which NLMSG_DONE ends
  NLM_F_ACK: 0x4, // answer with an acknowledgement
  NLM_F_DUMP_INTR: 0x10, // a change interrupted the dump: ask again
  NLM_F_DUMP: 0x300, // in a request: return every object
  NLM_F_CAPPED: 0x100, // in NLMSG_ERROR: only the header of the request is repeated
  NLM_F_ACK_TLVS: 0x200, // in NLMSG_ERROR: attributes follow
  NLMSGERR_ATTR_MSG: 1, // attribute of NLMSG_ERROR: the error in words
  NLA_TYPE_MASK: 0x3fff, // masks out the bits for nested and network byte order

  // Multicast groups (linux/rtnetlink.h).
  RTNLGRP_LINK: 1, // links
  RTNLGRP_NEIGH: 3, // neighbours
  RTNLGRP_IPV4_IFADDR: 5, // IPv4 addresses
  RTNLGRP_IPV4_ROUTE: 7, // IPv4 routes
  RTNLGRP_IPV4_RULE: 8, // IPv4 rules
  RTNLGRP_IPV6_IFADDR: 9, // IPv6 addresses
  RTNLGRP_IPV6_ROUTE: 11, // IPv6 routes
  RTNLGRP_IPV6_RULE: 19, // IPv6 rules
  RTNLGRP_NEXTHOP: 32, // nexthop objects

  // Message types (linux/rtnetlink.h).
  RTM_NEWLINK: 16, // a link, new or changed
  RTM_DELLINK: 17, // a link is gone
  RTM_GETLINK: 18, // ask for links
  RTM_NEWADDR: 20, // an address, new or changed
  RTM_DELADDR: 21, // an address is gone
  RTM_GETADDR: 22, // ask for addresses
  RTM_NEWROUTE: 24, // a route
  RTM_DELROUTE: 25, // a route is gone
  RTM_GETROUTE: 26, // ask for routes
  RTM_NEWNEIGH: 28, // a neighbour, new or changed
  RTM_DELNEIGH: 29, // a neighbour is gone
  RTM_GETNEIGH: 30, // a neighbour is missing
  RTM_NEWRULE: 32, // a policy rule
  RTM_DELRULE: 33, // a policy rule is gone
  RTM_NEWNEXTHOP: 104, // a nexthop object
  RTM_DELNEXTHOP: 105, // a nexthop object is gone
  RTM_NEWNEXTHOPBUCKET: 116, // one of up to 65,536 buckets of a resilient nexthop group
  RTM_DELNEXTHOPBUCKET: 117,

  // Neighbours (linux/neighbour.h): a flag, and the states that a neighbour passes through as it ages.
  NTF_ROUTER: 0x80, // the neighbour is an IPv6 router
  NUD_STALE: 0x04, // reachable some time ago
  NUD_DELAY: 0x08, // about to be probed
  NUD_PROBE: 0x10, // being probed
  NUD_FAILED: 0x20, // does not answer

  // Interface flags (linux/if.h).
  IFF_UP: 0x1, // administratively up
  IFF_LOOPBACK: 0x8, // loopback
  IFF_RUNNING: 0x40, // operational (RFC 2863)
  IFF_LOWER_UP: 0x10000, // the driver has carrier

  // Link attributes (linux/if_link.h).
  IFLA_ADDRESS: 1, // the hardware address
  IFLA_IFNAME: 3, // the name
  IFLA_MTU: 4, // u32: the MTU
  IFLA_LINK: 5, // u32: the index of the link that it sits on, or of the other end of a veth
  IFLA_MASTER: 10, // u32: the index of the bridge, bond or VRF it belongs to
  IFLA_OPERSTATE: 16, // u8: IF_OPER_*
  IFLA_LINKINFO: 18, // nested: IFLA_INFO_*
  IFLA_INFO_KIND: 1, // in IFLA_LINKINFO: the kind, such as `veth`
  IFLA_LINK_NETNSID: 37, // s32: the namespace of IFLA_LINK, present only if it is another one
  IFLA_EXT_MASK: 29, // u32 in requests: RTEXT_FILTER_*
  RTEXT_FILTER_SKIP_STATS: 0x8, // linux/rtnetlink.h: leave out the counters of IPv6, not those of the link
  IF_OPER_TESTING: 4, // being tested: carrier but no traffic
  IF_OPER_DORMANT: 5, // waiting, such as for 802.1X: carrier but no traffic

  // Hardware types (linux/if_arp.h).
  ARPHRD_ETHER: 1, // Ethernet and Wi-Fi
  ARPHRD_PPP: 512, // PPP
  ARPHRD_TUNNEL: 768, // IPIP tunnel
  ARPHRD_TUNNEL6: 769, // IPv6 tunnel
  ARPHRD_SIT: 776, // IPv6 in IPv4
  ARPHRD_IPGRE: 778, // GRE over IPv4
  ARPHRD_IP6GRE: 823, // GRE over IPv6
  ARPHRD_NONE: 0xfffe, // no link layer header, such as tun and wireguard

  // Address attributes and flags (linux/if_addr.h).
  IFA_ADDRESS: 1, // the address; if there is a peer, the peer's
  IFA_LOCAL: 2, // our address
  IFA_FLAGS: 8, // u32: all flags, of which the header holds the low 8 bits
  IFA_F_TEMPORARY: 0x1, // IPv6: a privacy address (RFC 8981). IPv4: IFA_F_SECONDARY
  IFA_F_OPTIMISTIC: 0x4, // usable before duplicate address detection is done (RFC 4429)
  IFA_F_DADFAILED: 0x8, // another host has it
  IFA_F_DEPRECATED: 0x20, // not for new connections
  IFA_F_TENTATIVE: 0x40, // duplicate address detection is in progress
  IFA_F_PERMANENT: 0x80, // has no lifetime

  // Route attributes, types, tables and flags (linux/rtnetlink.h).
  RTA_DST: 1, // destination; absent in a default route
  RTA_SRC: 2, // in a query: the address to send from
  RTA_OIF: 4, // u32: the interface to send from
  RTA_GATEWAY: 5, // the next hop, of the route's family
  RTA_PRIORITY: 6, // u32: the metric
  RTA_PREFSRC: 7, // the address to send from
  RTA_MULTIPATH: 9, // array of rtnexthop
  RTA_CACHEINFO: 12, // struct rta_cacheinfo: expires is an i32 at 8
  RTA_VIA: 18, // u16 family and the next hop, of another family (RFC 5549)
  RTA_NH_ID: 30, // u32: a nexthop object
  RTN_UNICAST: 1, // packets leave through a next hop
  RTCF_REDIRECTED: 0x40000, // in_route.h: the gateway is from an ICMP redirect
  RTM_F_CLONED: 0x200, // the answer is about one destination
  RTM_F_FIB_MATCH: 0x2000, // asks for the route that matches, not for the next hop
  RTNH_F_DEAD: 1, // the link is down
  RTNH_F_LINKDOWN: 16, // the link has no carrier
} as const;

/** A copy, because V8 makes a literal with 128 or more properties a hash table: reads took a seventh longer. */
export const C: typeof CONSTANTS = { ...CONSTANTS };
