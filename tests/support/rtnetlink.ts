/**
 * Changes to the network without a process per change: rtnetlink requests through the project's own
 * encoder, for benchmarks and storms. The kernel makes the change before `send` returns.
 *
 * @module
 */
import { encodeMessage } from "../../ffi/linux/netlink.ts";
import { encodeAttribute } from "./netlink.ts";
import { LIBC_SYMBOLS, Syscalls } from "../../ffi/linux/syscalls.ts";

const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const NLM_F_REQUEST = 0x1;
const NLM_F_CREATE = 0x400;
const NLM_F_REPLACE = 0x100;
const AF_INET = 2;
const IFA_LOCAL = 2;
const IFF_UP = 1;

/** Changes the network of the namespace that the process is in. */
export class NetworkChanger implements Disposable {
  readonly #library = Deno.dlopen("libc.so.6", LIBC_SYMBOLS);
  readonly #kernel = new Syscalls(this.#library.symbols);
  readonly #socket = this.#kernel.openNetlink(0);

  /** Brings a link up or down. */
  setUp(index: number, up: boolean): void {
    const body = new Uint8Array(16); // struct ifinfomsg
    const view = new DataView(body.buffer);
    view.setInt32(4, index, true);
    view.setUint32(8, up ? IFF_UP : 0, true);
    view.setUint32(12, IFF_UP, true);
    this.#send(RTM_NEWLINK, NLM_F_REQUEST, body);
  }

  /** Adds an IPv4 address. */
  addAddress(index: number, address: Uint8Array, prefixLength: number): void {
    const flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
    this.#send(RTM_NEWADDR, flags, addressBody(index, address, prefixLength));
  }

  /** Removes an IPv4 address. */
  deleteAddress(index: number, address: Uint8Array, prefixLength: number): void {
    this.#send(RTM_DELADDR, NLM_F_REQUEST, addressBody(index, address, prefixLength));
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.#kernel.close(this.#socket);
    this.#library.close();
  }

  #send(type: number, flags: number, body: Uint8Array): void {
    this.#kernel.send(this.#socket, encodeMessage(type, flags, body, 1));
  }
}

function addressBody(index: number, address: Uint8Array, prefixLength: number): Uint8Array {
  const attribute = encodeAttribute(IFA_LOCAL, address);
  const body = new Uint8Array(8 + attribute.length); // struct ifaddrmsg
  body[0] = AF_INET;
  body[1] = prefixLength;
  new DataView(body.buffer).setInt32(4, index, true);
  body.set(attribute, 8);
  return body;
}
