/**
 * What `ffi/linux/` says of Linux.
 *
 * @module
 */
import { C as constants } from "../../ffi/linux/constants.ts";
import { errnoName } from "../../ffi/errno.ts";
import { ABI_FACTS, constantFacts, type System } from "./facts.ts";

/** Linux, its own headers and glibc's. */
export const LINUX: System = {
  targets: ["x86_64-linux-gnu", "aarch64-linux-gnu", "x86_64-linux-musl"],
  headers: [
    "sys/types.h",
    "sys/socket.h",
    "sys/timerfd.h",
    "sys/eventfd.h",
    "errno.h",
    "poll.h",
    "stddef.h",
    "time.h",
    "asm/socket.h",
    "linux/if.h",
    "linux/if_arp.h",
    "linux/if_addr.h",
    "linux/if_link.h",
    "linux/netlink.h",
    "linux/in_route.h",
    "linux/rtnetlink.h",
    "linux/fib_rules.h",
    "linux/nexthop.h",
    "linux/sock_diag.h",
    "linux/filter.h",
  ],
  facts: [
    ...ABI_FACTS,
    { label: "sizeof nfds_t", c: "sizeof(nfds_t)", value: 8 },
    ...constantFacts(constants),
    ...Array.from({ length: 150 }, (_, code) => code)
      .filter((code) => errnoName("linux", code) !== "E?")
      .map((code) => ({
        label: errnoName("linux", code),
        c: errnoName("linux", code),
        value: code,
      })),
  ],
};
