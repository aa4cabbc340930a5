/**
 * The BPF program of the event socket, interpreted: in the kernel it must decide as the decoder does.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { attachFilter } from "../../ffi/linux/event_socket.ts";
import { canBeDefault, decodeEvent, isRouterChange } from "../../ffi/linux/messages.ts";
import type { Syscalls } from "../../ffi/linux/syscalls.ts";
import { forEachMessage } from "../../ffi/linux/netlink.ts";
import { LINUX_FIXTURES } from "../fixtures/linux.ts";
import { hex } from "../support/netlink.ts";

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;
const AF_INET = 2;
const AF_INET6 = 10;

interface Program {
  /** Descriptor, level and option of the call. */
  call: number[];
  /** struct sock_fprog. */
  header: DataView;
  /** Array of struct sock_filter, as it was when the kernel would have copied it. */
  instructions: DataView;
}

/** What attachFilter() hands to the kernel. */
function attached(): Program {
  let buffer = new Uint8Array();
  let program: Program | null = null;
  const kernel = {
    addressOf: (bytes: Uint8Array<ArrayBuffer>) => {
      buffer = bytes;
      return 0x1122_3344_5566_7788n;
    },
    setOption: (fd: number, level: number, option: number, value: Uint8Array) => {
      const header = new DataView(value.slice().buffer);
      program = { call: [fd, level, option], header, instructions: view(buffer.slice()) };
      return true;
    },
  };
  attachFilter(kernel as unknown as Syscalls, 5);
  assert(program !== null);
  return program;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Classic BPF as in Documentation/networking/filter.rst; true when the datagram is let through. */
function passes({ instructions }: Program, datagram: Uint8Array): boolean {
  let accumulator = 0;
  for (let at = 0, steps = 0;; steps++) {
    assert(steps < 100 && (at + 1) * 8 <= instructions.byteLength, "It runs away");
    const code = instructions.getUint16(at * 8, true);
    const yes = instructions.getUint8(at * 8 + 2);
    const no = instructions.getUint8(at * 8 + 3);
    const k = instructions.getUint32(at * 8 + 4, true);
    at++;
    if (code === 0x30) {
      if (k >= datagram.length) return false;
      accumulator = datagram[k]!;
    } else if (code === 0x15) at += accumulator === k ? yes : no;
    else if (code === 0x25) at += accumulator > k ? yes : no;
    else if (code === 0x45) at += accumulator & k ? yes : no;
    else if (code === 0x06) return k !== 0;
    else throw new Error(`No instruction: 0x${code.toString(16)}`);
  }
}

/** What the decoder makes of a route, and what the program must do with the datagram then. */
function wanted(datagram: Uint8Array): boolean {
  const type = view(datagram).getUint16(4, true);
  if (type !== RTM_NEWROUTE && type !== RTM_DELROUTE) return true;
  let kind = "";
  forEachMessage(datagram, (message) => kind = decodeEvent(message).kind);
  return kind !== "noise";
}

/** Header and struct rtmsg of a message. */
function message(type: number, family: number, destinationLength: number): Uint8Array {
  const bytes = new Uint8Array(28);
  view(bytes).setUint32(0, bytes.length, true);
  view(bytes).setUint16(4, type, true);
  bytes[16] = family;
  bytes[17] = destinationLength;
  return bytes;
}

Deno.test("attachFilter() passes a struct sock_fprog with length and address", () => {
  const { call, header, instructions } = attached();
  // SOL_SOCKET, SO_ATTACH_FILTER
  assertEquals(call, [5, 1, 26]);
  assertEquals(header.byteLength, 16);
  assertEquals(header.getUint16(0, true), instructions.byteLength / 8);
  assertEquals(header.getBigUint64(8, true), 0x1122_3344_5566_7788n);
});

Deno.test("attachFilter()'s program has no jump out of it, as the kernel demands", () => {
  const { instructions } = attached();
  const count = instructions.byteLength / 8;
  for (let at = 0; at < count; at++) {
    if ((instructions.getUint16(at * 8, true) & 0x7) !== 0x5) continue;
    assert(at + 1 + instructions.getUint8(at * 8 + 2) < count, `instruction ${at}`);
    assert(at + 1 + instructions.getUint8(at * 8 + 3) < count, `instruction ${at}`);
  }
  assertEquals(instructions.getUint16((count - 1) * 8, true), 0x06);
});

Deno.test("attachFilter()'s program decides about captured messages as decodeEvent() does", () => {
  const program = attached();
  const verdicts = { passed: 0, dropped: 0 };
  for (const fixture of LINUX_FIXTURES) {
    const bytes = hex(fixture.hex);
    for (let at = 0, length = 0; at < bytes.length; at += (length + 3) & ~3) {
      length = view(bytes).getUint32(at, true);
      const datagram = bytes.slice(at, at + length);
      const expected = wanted(datagram);
      assertEquals(passes(program, datagram), expected, `${fixture.name} at byte ${at}`);
      verdicts[expected ? "passed" : "dropped"]++;
    }
  }
  assert(verdicts.passed > 50 && verdicts.dropped > 50, JSON.stringify(verdicts));
});

Deno.test("attachFilter()'s program decides about routes of any family and length as decodeEvent() does", () => {
  const program = attached();
  for (const type of [RTM_NEWROUTE, RTM_DELROUTE]) {
    for (let family = 0; family < 256; family++) {
      for (let length = 0; length < 256; length += family === AF_INET || length < 8 ? 1 : 31) {
        const datagram = message(type, family, length);
        const expected = canBeDefault(family, length);
        assertEquals(passes(program, datagram), expected, `${type} ${family} ${length}`);
        assertEquals(wanted(datagram), expected, `${type} ${family} ${length}`);
      }
    }
  }
});

Deno.test("attachFilter()'s program passes changes of routers and IPv6 neighbours that fail, no others", () => {
  const program = attached();
  assertEquals(passes(program, message(RTM_GETNEIGH, AF_INET, 0)), false);
  const ipv4 = message(RTM_NEWNEIGH, AF_INET, 0);
  ipv4[16 + 8] = 0x20; // NUD_FAILED
  assertEquals([passes(program, ipv4), isRouterChange(ipv4.subarray(16))], [false, false]);
  let passed = 0;
  for (const type of [RTM_NEWNEIGH, RTM_DELNEIGH]) {
    for (let state = 0; state < 256; state++) {
      for (const flags of [0, 0x01, 0x7f, 0x80, 0xff]) {
        const datagram = message(type, AF_INET6, 0);
        datagram[16 + 8] = state;
        datagram[16 + 10] = flags;
        const expected = isRouterChange(datagram.subarray(16));
        assertEquals(passes(program, datagram), expected, `${type} ${state} ${flags}`);
        if (expected) passed++;
      }
    }
  }
  assertEquals(passed, 2 * (2 * 32 + 3)); // routers that do not just age, and others that fail
});

Deno.test("attachFilter()'s program lets every other type of message through", () => {
  const program = attached();
  const known = [RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH];
  for (let type = 0; type < 65_536; type++) {
    if (known.includes(type)) continue;
    if (!passes(program, message(type, AF_INET, 32))) throw new Error(`type ${type} is dropped`);
  }
});

Deno.test("canBeDefault() allows the halves, quarters and eighths with which VPNs cover all", () => {
  const longest = (family: number) =>
    Math.max(...Array.from({ length: 129 }, (_, i) => i).filter((i) => canBeDefault(family, i)));
  assertEquals([longest(AF_INET), longest(AF_INET6)], [3, 4]);
  for (const family of [AF_INET, AF_INET6]) assert(canBeDefault(family, 0));
});
