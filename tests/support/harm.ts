/**
 * Ways to harm an event socket, as kernels, sandboxes and other programs do.
 *
 * @module
 */
import { forEachMessage } from "../../ffi/linux/netlink.ts";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { openLibc, type RealLibc } from "./real_libc.ts";
import { scaled } from "./timing.ts";

const AF_NETLINK = 16;
const SOCKADDR_NL_SIZE = 12;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SOL_NETLINK = 270;
const NETLINK_DROP_MEMBERSHIP = 2;
const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_IFADDR = 5;
const RTM_NEWADDR = 20;

// Classic BPF (linux/bpf_common.h).
const LOAD_BYTE = 0x30;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const TYPE_LOW = 4;

type Instruction = [code: number, yes: number, no: number, k: number];

const NOTHING_PASSES: Instruction[] = [[RETURN, 0, 0, 0]];
const NO_NEW_ADDRESS_PASSES: Instruction[] = [
  [LOAD_BYTE, 0, 0, TYPE_LOW],
  [JUMP_IF_EQUAL, 0, 1, RTM_NEWADDR],
  [RETURN, 0, 0, 0],
  [RETURN, 0, 0, 0xffffffff],
];
const ALL_PASSES: Instruction[] = [[RETURN, 0, 0, 0xffffffff]];

/** Harms the descriptors that it is given, independently of the product. */
export class Harm implements Disposable {
  /** The functions. */
  readonly libc: RealLibc;
  readonly #kernel: Syscalls;
  readonly #close: () => void;

  /** Loads the C library. */
  constructor() {
    const { libc, close } = openLibc();
    this.libc = libc;
    this.#kernel = new Syscalls(libc);
    this.#close = close;
  }

  /** Makes the socket leave the groups of links and IPv4 addresses. */
  leaveGroups(descriptor: number): void {
    for (const group of [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR]) {
      const left = this.#kernel.setOption(descriptor, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group);
      if (!left) throw this.#kernel.error("NETLINK_DROP_MEMBERSHIP");
    }
  }

  /** Drops every message to the socket, without an error. */
  swallowEverything(descriptor: number): void {
    this.#filter(descriptor, NOTHING_PASSES);
  }

  /** Drops messages about new addresses; all others arrive. */
  swallowNewAddresses(descriptor: number): void {
    this.#filter(descriptor, NO_NEW_ADDRESS_PASSES);
  }

  /** Stops dropping messages. */
  letEverythingPass(descriptor: number): void {
    this.#filter(descriptor, ALL_PASSES);
  }

  /**
   * Takes the queued messages before their reader can, until it has taken one of this type. This blocks the
   * event loop. The kernel announces an IPv6 address from a workqueue, after `ip` has ended
   * (net/ipv6/addrconf.c: addrconf_dad_work).
   */
  steal(descriptor: number, type: number): void {
    const end = performance.now() + scaled(5_000);
    let stolen = false;
    while (!stolen) {
      if (performance.now() > end) throw new Error(`No message of type ${type} to steal`);
      if (this.#kernel.receive(descriptor, 1) === 0) continue;
      forEachMessage(
        this.#kernel.buffer.datagram(0)!,
        (message) => stolen ||= message.type === type,
      );
    }
    while (this.#kernel.receive(descriptor) > 0);
  }

  /** Sends bytes to the port of a netlink socket, as any process of the namespace can. */
  forge(descriptor: number, bytes: Uint8Array): void {
    const name = new Uint8Array(SOCKADDR_NL_SIZE);
    const length = Uint32Array.of(name.length);
    if (this.libc.getsockname(descriptor, name, length) !== 0) {
      throw this.#kernel.error("getsockname");
    }
    this.#sendTo(name, bytes);
  }

  /** Sends bytes to everybody in the groups of links and IPv4 addresses. */
  forgeToAll(bytes: Uint8Array): void {
    const name = new Uint8Array(SOCKADDR_NL_SIZE);
    new DataView(name.buffer).setUint16(0, AF_NETLINK, true);
    const groups = (1 << (RTNLGRP_LINK - 1)) | (1 << (RTNLGRP_IPV4_IFADDR - 1));
    new DataView(name.buffer).setUint32(8, groups, true);
    this.#sendTo(name, bytes);
  }

  /** Closes the descriptor while its reader uses it. */
  close(descriptor: number): void {
    this.#kernel.close(descriptor);
  }

  /** Unloads the C library. */
  [Symbol.dispose](): void {
    this.#close();
  }

  #sendTo(name: Uint8Array<ArrayBuffer>, bytes: Uint8Array): void {
    const socket = this.#kernel.openNetlink(0);
    const size = BigInt(bytes.length);
    const sent = this.libc.sendto(socket, new Uint8Array(bytes), size, 0, name, name.length);
    const error = sent === bytes.length ? null : this.#kernel.error("sendto");
    this.#kernel.close(socket);
    if (error !== null) throw error;
  }

  #filter(descriptor: number, instructions: Instruction[]): void {
    const code = new Uint8Array(instructions.length * 8);
    const view = new DataView(code.buffer);
    instructions.forEach(([operation, yes, no, k], i) => {
      view.setUint16(i * 8, operation, true);
      view.setUint8(i * 8 + 2, yes);
      view.setUint8(i * 8 + 3, no);
      view.setUint32(i * 8 + 4, k, true);
    });
    const program = new Uint8Array(16);
    new DataView(program.buffer).setUint16(0, instructions.length, true);
    new DataView(program.buffer).setBigUint64(8, this.#kernel.addressOf(code), true);
    if (!this.#kernel.setOption(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, program)) {
      throw this.#kernel.error("SO_ATTACH_FILTER");
    }
    // Keeps the buffer from being collected until here: by now the kernel has copied the program.
    code.fill(0);
  }
}

/** Runs `ip` and blocks the event loop: nobody can read the messages that it causes. */
export function ipBlocking(command: string): void {
  const { success, stderr } = new Deno.Command("ip", {
    args: command.split(" "),
    stdin: "null",
  }).outputSync();
  if (!success) throw new Error(`ip ${command}: ${new TextDecoder().decode(stderr)}`);
}
