// Triggers, which set an event when the network changes: registrations with a callback, and overlapped
// operations that complete at the next change.
import * as C from "./constants.ts";
import { CALLBACKS, type Syscalls } from "./syscalls.ts";

/** How long the system may take to end an operation. */
const CANCEL_MS = 1_000;

/** Something that sets an event at every change. */
export interface Trigger {
  /** Called after the event was set and reset, before the read that follows. False if the trigger is lost. */
  rearm(): boolean;
  /** Ends the trigger. Once this resolves, the event may be closed. */
  cancel(): Promise<void>;
}

export interface TriggerKind {
  readonly name: string; // as in `health.listeners`
  readonly confirms: boolean; // whether the event is set at once, without a change
  /**
   * Sets the event at every change from now on.
   *
   * @throws {SystemCallError} if the system refuses.
   */
  open(syscalls: Syscalls, event: number): Trigger;
}

/** Registrations for addresses, interfaces and routes of both families. */
export const REGISTRATIONS: readonly TriggerKind[] = CALLBACKS.map((name) => ({
  name,
  confirms: true,
  open(syscalls, event) {
    const registration = syscalls.register(name, event);
    // Wine 10 accepts the call, but later sets no event and has nothing to cancel.
    if (registration === 0n) throw syscalls.error(name, C.ERROR_NOT_SUPPORTED);
    return { rearm: () => true, cancel: () => syscalls.cancel(registration) };
  },
}));

/** Operations for addresses only. */
export const OPERATIONS: readonly TriggerKind[] = [
  {
    name: "NotifyAddrChange", // IPv4
    confirms: false,
    open: (syscalls, event) =>
      openOverlapped("NotifyAddrChange", syscalls, event, () => ({
        start: (overlapped, out) => syscalls.notifyAddrChange(out, overlapped),
        stop: (overlapped) => syscalls.cancelAddrChange(overlapped),
      })),
  },
  addressList("SIO_ADDRESS_LIST_CHANGE IPv4", C.AF_INET),
  addressList("SIO_ADDRESS_LIST_CHANGE IPv6", C.AF_INET6),
];

function addressList(name: string, family: number): TriggerKind {
  return {
    name,
    confirms: false,
    open(syscalls, event) {
      syscalls.startWinsock();
      try {
        const { cancel, rearm } = openOverlapped(name, syscalls, event, () => {
          const socket = syscalls.openSocket(family);
          return {
            start: (overlapped, out) => syscalls.notifyAddressList(socket, out, overlapped),
            stop: () => syscalls.closeSocket(socket),
          };
        });
        return { rearm, cancel: () => cancel().finally(() => syscalls.cleanUpWinsock()) };
      } catch (error) {
        syscalls.cleanUpWinsock();
        throw error;
      }
    },
  };
}

interface Operation {
  /** Starts the operation. Returns the error code. `out` has room for a pointer. */
  start(overlapped: bigint, out: bigint): number;
  /** Makes the operation complete now; called once. */
  stop(overlapped: bigint): void;
}

/** Opens the operation; frees its memory if that fails. */
function openOrFree(syscalls: Syscalls, memory: bigint, open: () => Operation): Operation {
  try {
    return open();
  } catch (error) {
    syscalls.free(memory);
    throw error;
  }
}

function openOverlapped(
  name: string,
  syscalls: Syscalls,
  event: number,
  open: () => Operation,
): Trigger {
  const overlapped = syscalls.allocate(C.OVERLAPPED_SIZE + 8);
  const { start, stop } = openOrFree(syscalls, overlapped, open);
  const out = overlapped + BigInt(C.OVERLAPPED_SIZE);
  const isPending = (): boolean => {
    const bytes = syscalls.copyFrom(overlapped + BigInt(C.OVERLAPPED.Internal), 8);
    return new DataView(bytes.buffer).getBigUint64(0, true) === BigInt(C.STATUS_PENDING);
  };
  let code = C.ERROR_IO_PENDING;
  const rearm = (): boolean => {
    const bytes = new Uint8Array(C.OVERLAPPED_SIZE);
    const view = new DataView(bytes.buffer);
    // Windows writes this itself, but Wine 10 does not for a socket
    view.setBigUint64(C.OVERLAPPED.Internal, BigInt(C.STATUS_PENDING), true);
    view.setBigInt64(C.OVERLAPPED.hEvent, BigInt(event), true);
    syscalls.copyTo(overlapped, bytes);
    code = start(overlapped, out);
    if (code === C.ERROR_IO_PENDING || (code === C.ERROR_SUCCESS && syscalls.isSet(event))) {
      return true;
    }
    // refused; if there is no error code, it may be under way all the same
    if (code !== C.ERROR_SUCCESS) syscalls.copyTo(overlapped, new Uint8Array(C.OVERLAPPED_SIZE));
    return false;
  };
  const cancel = async (): Promise<void> => {
    syscalls.resetEvent(event);
    stop(overlapped);
    if (isPending()) await syscalls.wait([event], CANCEL_MS);
    // while it is pending, the system may still write there
    if (!isPending()) syscalls.free(overlapped);
  };
  if (rearm()) return { rearm, cancel };
  void cancel();
  throw syscalls.error(name, code);
}
