// The wake-up sources of macOS beside the routing socket, which does not report an unplugged cable, a new
// interface, the end of duplicate address detection or a second address in a subnet, and whose overflow is
// silent. Each is optional: if the system lacks or refuses it, netwatch continues without it, and reconcile
// finds what no source reports.
import type { EventSourceOptions } from "../open.ts";
import { POLLIN } from "../poll_loop.ts";
import { type BsdEvent, decodeKernelEvent } from "./classify.ts";
import { DARWIN, SOCK_RAW } from "./constants.ts";
import { type BsdPort, datagramPort } from "./route_socket.ts";
import { u32 } from "./sockaddr.ts";
import type { Syscalls } from "./syscalls.ts";

/** A descriptor that becomes readable when the network changes. */
export interface WakeupSource extends BsdPort {
  readonly name: string; // as in `health.listeners`
}

/** Receives one line of text per event. */
type Trace = EventSourceOptions["trace"];

/** Opens what the system has and grants. */
export function openWakeupSources(syscalls: Syscalls, trace: Trace): WakeupSource[] {
  return [openNotification(syscalls, trace), openKernelEvents(syscalls, trace)]
    .filter((source) => source !== null);
}

/** kNotifySCNetworkChange (notify_keys.h): configd posts it when it has settled the primary service. */
const NETWORK_CHANGE = "com.apple.system.config.network_change";

function openNotification(syscalls: Syscalls, trace: Trace): WakeupSource | null {
  const notification = syscalls.register(NETWORK_CHANGE);
  if (notification === null) return null;
  const { descriptor } = notification;
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
    close: () => syscalls.cancel(notification),
  };
}

function openKernelEvents(syscalls: Syscalls, trace: Trace): WakeupSource | null {
  const descriptor = syscalls.socket(DARWIN.PF_SYSTEM, SOCK_RAW, DARWIN.SYSPROTO_EVENT);
  if (descriptor < 0) return null;
  // struct kev_request { u32 vendor; u32 class; u32 subclass; }. Without a filter no event matches.
  const filter = new Uint8Array(
    Uint32Array.of(
      DARWIN.KEV_VENDOR_APPLE,
      DARWIN.KEV_NETWORK_CLASS,
      DARWIN.KEV_ANY_SUBCLASS,
    ).buffer,
  );
  if (!syscalls.control(descriptor, DARWIN.SIOCSKEVFILT, filter)) {
    syscalls.close(descriptor);
    return null;
  }
  const decode = (bytes: Uint8Array, events: BsdEvent[]): void => {
    events.push(decodeKernelEvent(bytes));
    trace?.(formatKernelEvent(bytes));
  };
  const port = datagramPort(syscalls, descriptor, "kernel events", decode);
  return { ...port, name: "kernel-events" };
}

function formatKernelEvent(bytes: Uint8Array): string {
  if (bytes.length < DARWIN.KEV_MSG_HEADER_SIZE) return "kernel event cut short";
  const { event_code, kev_subclass } = DARWIN.KERN_EVENT_MSG;
  return `kernel event ${u32(bytes, kev_subclass)}.${u32(bytes, event_code)}`;
}
