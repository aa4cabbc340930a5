// The routing socket and the events that arrive there. On macOS it does not report an unplugged cable, a new
// interface, the end of duplicate address detection or a second address in a subnet, and overflows silently, so
// there are two more wake-up sources. If the system refuses one, reconcile finds what no source reports.
import { DecodeError } from "../../state/errors.ts";
import { formatIp } from "../../state/ip.ts";
import type { SocketPort } from "../event_socket.ts";
import type { EventSourceOptions } from "../open.ts";
import { POLLERR, POLLIN } from "../poll_loop.ts";
import type { Syscalls } from "./libc.ts";
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  forEachMessage,
  headerOf,
  TYPE,
  u16,
  u32,
  VERSION,
} from "./route_message.ts";
import * as C from "./systems.ts";

const RECEIVE_BUFFER_BYTES = 262_144; // by default
/** The default of the systems (RAWRCVQ of xnu, net.rtsock.recvspace of FreeBSD). */
const LEAST_BUFFER_BYTES = 8_192;
/** kNotifySCNetworkChange (notify_keys.h): configd posts it when it has settled the primary service. */
const NETWORK_CHANGE = new TextEncoder().encode("com.apple.system.config.network_change\0");

/**
 * An event, without its content: the kernels do not report everything, so each change is a reason to read.
 *
 * - `removed`: an address goes, but the kernel may list it for another moment.
 * - `joined`: a multicast group, which is news only on an interface that is not known yet.
 * - `answer`: to a program's RTM_GET, perhaps to our canary.
 */
export type BsdEvent =
  | { readonly kind: "changed" | "removed" | "noise" | "malformed" | "overflow" }
  | { readonly kind: "joined"; readonly index: number }
  | { readonly kind: "answer"; readonly pid: number; readonly sequence: number };

const { event_code, kev_subclass } = C.DARWIN.KERN_EVENT_MSG;
/** The names of RTM_* in the wire trace. */
const ROUTE_TYPES = [undefined, "add", "delete", "change", "get"] as const;

const CHANGED: BsdEvent = { kind: "changed" };
const NOISE: BsdEvent = { kind: "noise" };

type Trace = EventSourceOptions["trace"];

/** A descriptor that becomes readable when the network changes. */
export interface BsdPort extends SocketPort<BsdEvent> {
  readonly name: string; // as in `health.listeners`
  /** Closes it. No poll may be watching it. */
  close(): void;
}

/** Opens a routing socket: the kernel queues messages from now on. Throws SystemCallError if it refuses. */
export function openRouteSocket(
  syscalls: Syscalls,
  system: C.BsdSystem,
  { receiveBufferBytes = RECEIVE_BUFFER_BYTES, trace }: EventSourceOptions = {},
): BsdPort {
  // Protocol 0: xnu does not deliver link messages, which have no family, to a socket with one (raw_input()).
  const descriptor = syscalls.libc.socket(C.PF_ROUTE, C.SOCK_RAW | system.socketFlags, 0);
  if (descriptor < 0) throw syscalls.error("socket(PF_ROUTE)");
  for (let bytes = receiveBufferBytes; bytes > LEAST_BUFFER_BYTES; bytes >>= 1) {
    if (syscalls.setOption(descriptor, C.SO_RCVBUF, bytes)) break;
  }
  // FreeBSD 13 refuses: an overflow is silent there, as on macOS.
  if (system.overflowOption !== null) syscalls.setOption(descriptor, system.overflowOption, 1);
  return datagramPort(syscalls, descriptor, "route", trace, (datagram, events) => {
    forEachMessage(datagram, (message) => {
      events.push(decodeEvent(message, system));
      trace?.(formatMessage(message, system));
    });
  });
}

/** The port of a socket of datagrams; `decode` appends the events, and may throw DecodeError. */
function datagramPort(
  syscalls: Syscalls,
  descriptor: number,
  name: string,
  trace: Trace,
  decode: (datagram: Uint8Array, events: BsdEvent[]) => void,
): BsdPort {
  return {
    name,
    descriptor,
    batch: 1,
    receive(events) {
      const datagram = syscalls.receive(descriptor);
      if (datagram === null) return 0;
      try {
        decode(datagram, events);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        events.push({ kind: "malformed" });
        trace?.(error.message);
      }
      return 1;
    },
    // FreeBSD reports an overflow through SO_ERROR without POLLERR, so SO_ERROR is read at every wake-up. A
    // failed receive takes the error with it; its errno is only a hint, worth no more than a change.
    checkErrors(revents, events) {
      if (revents === 0 && syscalls.errno() === C.ENOBUFS) events.push({ kind: "changed" });
      const state = revents || syscalls.pollNow(descriptor);
      const isClear = revents === 0 && (state & POLLERR) === 0;
      const code = isClear ? 0 : syscalls.takeError(descriptor);
      if (code === C.ENOBUFS) events.push({ kind: "overflow" });
      else if (code !== 0) throw syscalls.error(`recv of ${name}`, code);
      return (state & (POLLIN | POLLERR)) !== 0;
    },
    close: () => syscalls.libc.close(descriptor),
  };
}

/**
 * Writes RTM_GET for 0.0.0.0. Every routing socket of the machine receives the answer, which may be an error,
 * and so the answer proves that ours is not deaf. RTM_GET needs no privilege. Returns its sequence number.
 */
export function sendCanary({ libc }: Syscalls, system: C.BsdSystem, descriptor: number): number {
  const sequence = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
  const { addresses, sequence: at, size } = system.headers[C.RTM_GET] as C.RouteHeader;
  const bytes = new Uint8Array(size + C.SOCKADDR_IN_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length, true);
  bytes.set([system.version, C.RTM_GET], 2);
  view.setInt32(addresses, 1 << C.RTAX_DST, true);
  view.setInt32(at, sequence, true);
  bytes.set([C.SOCKADDR_IN_SIZE, C.AF_INET], size);
  libc.write(descriptor, bytes, BigInt(bytes.length)); // fails if there is no such route: only the echo counts
  return sequence;
}

/** Registers with the notification centre of macOS; null where there is none or it refuses. */
export function openNotification(syscalls: Syscalls, trace: Trace): BsdPort | null {
  const { notify_cancel: cancel, notify_register_file_descriptor: register } = syscalls.libc;
  const [fileDescriptor, token] = [new Int32Array(1), new Int32Array(1)];
  if (cancel === null || register?.(NETWORK_CHANGE, fileDescriptor, 0, token) !== 0) return null;
  const descriptor = fileDescriptor[0]!;
  const isReadable = (): boolean => (syscalls.pollNow(descriptor) & POLLIN) !== 0;
  return {
    name: "network_change",
    descriptor,
    batch: 1,
    // notifyd closes its end of a full pipe for good, so the pipe is drained whole. The tokens in it say
    // only that the notification was posted.
    receive(events) {
      if (!isReadable() || syscalls.read(descriptor) <= 0) return 0;
      events.push({ kind: "changed" });
      trace?.("network_change");
      return 1;
    },
    checkErrors: isReadable,
    close: () => void cancel(token[0]!), // which closes the descriptor: it is libnotify's
  };
}

/** Opens a socket for the kernel events of macOS; null if the system refuses. */
export function openKernelEvents(syscalls: Syscalls, trace: Trace): BsdPort | null {
  const { PF_SYSTEM, SIOCSKEVFILT, SYSPROTO_EVENT } = C.DARWIN;
  const descriptor = syscalls.libc.socket(PF_SYSTEM, C.SOCK_RAW, SYSPROTO_EVENT);
  if (descriptor < 0) return null;
  // struct kev_request { u32 vendor; u32 class; u32 subclass; }. Without a filter no event matches.
  const { KEV_ANY_SUBCLASS, KEV_NETWORK_CLASS, KEV_VENDOR_APPLE } = C.DARWIN;
  const filter = Uint32Array.of(KEV_VENDOR_APPLE, KEV_NETWORK_CLASS, KEV_ANY_SUBCLASS);
  if (!syscalls.control(descriptor, SIOCSKEVFILT, new Uint8Array(filter.buffer))) {
    syscalls.libc.close(descriptor);
    return null;
  }
  return datagramPort(syscalls, descriptor, "kernel-events", trace, (bytes, events) => {
    events.push(decodeKernelEvent(bytes));
    trace?.(`kernel event ${u32(bytes, kev_subclass)}.${u32(bytes, event_code)}`);
  });
}

/** Decodes a message of the routing socket. Throws DecodeError. */
export function decodeEvent(message: Uint8Array, layout: C.Layout): BsdEvent {
  const type = message[TYPE]!;
  const header = headerOf(message, layout);
  switch (header?.about) {
    case undefined:
      return { kind: "malformed" };
    case "chatter":
      return NOISE;
    case "group":
      // AWDL joins groups all day (tailscale#1514), but macOS announces a new interface by nothing else
      // than the groups that it joins.
      return { kind: "joined", index: u16(message, header.index) };
    case "route": {
      if (type === C.RTM_GET) {
        const [pid, sequence] = [u32(message, header.pid), u32(message, header.sequence)];
        return { kind: "answer", pid, sequence };
      }
      // RTM_MISS comes for each destination without a route, thousands a second since macOS 26.4
      // (tailscale#19324, net-tools#203), and the echo of a request may be a refusal. A router that learns a
      // million routes, and neighbours that come and go, change no default route.
      const isDone = type <= C.RTM_CHANGE && u32(message, header.error) === 0; // RTM_ADD and RTM_DELETE, too
      return isDone && decodeRoute(message, header, layout, true) !== null ? CHANGED : NOISE;
    }
    default:
      return type === C.RTM_DELADDR ? { kind: "removed" } : CHANGED;
  }
}

/** Decodes a struct kern_event_msg of macOS. Throws DecodeError. */
export function decodeKernelEvent(bytes: Uint8Array): BsdEvent {
  if (bytes.length < C.DARWIN.KEV_MSG_HEADER_SIZE) throw new DecodeError("kern_event_msg", 0);
  const noise = C.KERNEL_NOISE[u32(bytes, kev_subclass)];
  if (noise === undefined) return NOISE;
  return Object.values(noise).includes(u32(bytes, event_code)) ? NOISE : CHANGED;
}

/** Formats a message, such as `address 2 192.0.2.1/24`: one line, safe to print. Throws DecodeError. */
export function formatMessage(message: Uint8Array, layout: C.Layout): string {
  const type = message[TYPE]!;
  const header = headerOf(message, layout);
  if (header === null) return `unknown type ${hex(type)} version ${message[VERSION]}`;
  switch (header.about) {
    case "route": {
      const what = `route ${ROUTE_TYPES[type] ?? `type ${hex(type)}`}`;
      const route = decodeRoute(message, header, layout);
      if (route === null) return what;
      const via = route.gateway === null ? "" : ` via ${formatIp(route.gateway)}`;
      return `${what} ${route.index} ${formatIp(route.destination)}/${route.prefixLength}${via}` +
        ` flags ${hex(route.flags)}`;
    }
    case "link": {
      const { flags, index, linkState, mtu } = decodeLink(message, header, layout);
      return `link ${index} flags ${hex(flags)} mtu ${mtu} state ${linkState}`;
    }
    case "address": {
      const found = decodeAddress(message, header, layout);
      const kind = type === C.RTM_DELADDR ? "address-gone" : "address";
      if (found === null) return kind;
      return `${kind} ${found.index} ${formatIp(found.address)}/${found.prefixLength}`;
    }
    case "group":
      return `group ${u16(message, header.index)}`;
    default:
      return header.about;
  }
}

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}
