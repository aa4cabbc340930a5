/**
 * What else macOS announces. Its routing socket says nothing of a cable that is pulled, an interface that
 * is created, an address that has passed its check, or a second address in a subnet; and what it says is
 * lost without a word when its buffer is full. Each witness is optional: a system that has it not, or
 * refuses it, is listened to without, and reconcile stands behind all of them.
 *
 * @module
 */
import type { SocketPort } from "../event_socket.ts";
import { POLLIN } from "../poll_loop.ts";
import type { BsdEvent } from "./classify.ts";
import { DARWIN, SOCK_RAW } from "./constants.ts";
import type { Syscalls } from "./syscalls.ts";
import { DatagramSocket } from "./route_socket.ts";
import { u32 } from "./sockaddr.ts";

const {
  KEV_ANY_SUBCLASS,
  KEV_DL_SUBCLASS,
  KEV_INET6_SUBCLASS,
  KEV_INET_SUBCLASS,
  KEV_MSG_HEADER_SIZE,
  KEV_ND6_SUBCLASS,
  KEV_NETWORK_CLASS,
  KEV_VENDOR_APPLE,
  PF_SYSTEM,
  SIOCSKEVFILT,
  SYSPROTO_EVENT,
} = DARWIN;

/** Something that announces changes through a descriptor. */
export interface WakeupSource extends SocketPort<BsdEvent> {
  /** As `health` shows it. */
  readonly name: string;
  /** For the shared poll. */
  readonly descriptor: number;
  /** Stops it. No poll may be watching its descriptor any more. */
  close(): void;
}

/** Opens what the system has and grants. */
export function openWakeupSources(kernel: Syscalls): WakeupSource[] {
  return [openNotification(kernel), openKernelEvents(kernel)].filter((source) => source !== null);
}

/** kNotifySCNetworkChange (notify_keys.h): configd posts it when it has settled the primary service. */
const NETWORK_CHANGE = "com.apple.system.config.network_change";

function openNotification(syscalls: Syscalls): WakeupSource | null {
  const notification = syscalls.register(NETWORK_CHANGE);
  if (notification === null) return null;
  const { descriptor } = notification;
  const isReadable = (): boolean => (syscalls.pollNow(descriptor) & POLLIN) !== 0;
  return {
    name: "network_change",
    descriptor,
    batch: 1,
    // A pipe that stays full is closed by the other side for good, so it is drained whole. The tokens
    // in it say only that the notification was posted.
    receive(events) {
      if (!isReadable() || syscalls.read(descriptor) <= 0) return 0;
      events.push({ kind: "changed" });
      return 1;
    },
    checkErrors: isReadable,
    close: () => syscalls.cancel(notification),
  };
}

function openKernelEvents(syscalls: Syscalls): WakeupSource | null {
  const descriptor = syscalls.socket(PF_SYSTEM, SOCK_RAW, SYSPROTO_EVENT);
  if (descriptor < 0) return null;
  // struct kev_request { u32 vendor; u32 class; u32 subclass; }. Until it is set, no event matches.
  const filter = new Uint8Array(
    Uint32Array.of(KEV_VENDOR_APPLE, KEV_NETWORK_CLASS, KEV_ANY_SUBCLASS).buffer,
  );
  if (!syscalls.control(descriptor, SIOCSKEVFILT, filter)) {
    syscalls.close(descriptor);
    return null;
  }
  const decode = (event: Uint8Array, events: BsdEvent[]): void =>
    void events.push(matters(event) ? { kind: "changed" } : { kind: "noise" });
  const socket = new DatagramSocket(syscalls, descriptor, "kernel events", decode);
  return Object.assign(socket, { name: "kernel-events" });
}

/** Codes that say nothing about the state, by subclass (net/net_kev.h); other codes of these do. */
const NOISE: Readonly<Record<number, readonly number[]>> = {
  // A collision, a neighbour that does or does not answer.
  [KEV_INET_SUBCLASS]: [7, 8, 9, 10],
  // Groups joined and left, wake flags, route counts, link quality, and AWDL's neighbours that come and
  // go all day; radio states, quality of service, low power.
  [KEV_DL_SUBCLASS]: [7, 8, 17, 18, 20, 21, 22, 24, 26, 27, 28, 29, 30],
  // A question for the NAT64 prefix.
  [KEV_INET6_SUBCLASS]: [7],
  // Each router advertisement (every few seconds, tailscale#4223); neighbours that do or do not answer.
  [KEV_ND6_SUBCLASS]: [1, 2, 3],
};

/** Whether a struct kern_event_msg may mean another state. One that cannot be understood may. */
export function matters(event: Uint8Array): boolean {
  if (event.length < KEV_MSG_HEADER_SIZE) return true;
  const [subclass, code] = [u32(event, 12), u32(event, 20)];
  const noise = NOISE[subclass];
  return noise !== undefined && !noise.includes(code);
}
