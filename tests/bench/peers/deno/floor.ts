/**
 * The least that a Deno program can do: awaits `poll()`, then receives until the socket is empty and looks
 * at nothing. The multicast groups of links and addresses, and the same receive buffer as netwatch.
 *
 * @module
 */
import { Events } from "./protocol.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;
const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV6_IFADDR = 0x100;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
});
const socket = libc.socket(AF_NETLINK, SOCK_RAW, 0);
const groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
if (libc.bind(socket, Uint32Array.of(AF_NETLINK, 0, groups), 12) < 0) {
  throw new Error("bind failed");
}
const size = Int32Array.of(1 << 20);
if (libc.setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) < 0) {
  libc.setsockopt(socket, SOL_SOCKET, SO_RCVBUF, size, 4);
}

const events = new Events();
const pollfd = Int32Array.of(socket, 1);
const buffer = new Uint8Array(65_536);
(async () => {
  for (;;) {
    await libc.poll(pollfd, 1n, -1);
    events.seen();
    while (libc.recv(socket, buffer, BigInt(buffer.length), MSG_DONTWAIT) > 0);
  }
})();
await events.run();
Deno.exit();
