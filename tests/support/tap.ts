/**
 * A tap interface that this process holds open, so that it has carrier.
 *
 * @module
 */
import { libcRequest } from "../../ffi/linux/syscalls.ts";

/** linux/if_tun.h: TUNSETIFF, IFF_TUN, IFF_TAP and IFF_NO_PI; asm-generic/fcntl.h: O_RDWR. */
const TUNSETIFF = 0x400454ca;
const MODES = { tun: 0x1001, tap: 0x1002 };
const O_RDWR = 2;

/** Creates the interface, which disposing removes. Needs root, or write access to /dev/net/tun. */
export function openTunTap(name: string, mode: "tun" | "tap"): Disposable {
  const [soname] = libcRequest(undefined).sonames;
  const library = Deno.dlopen(soname!, {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const request = new Uint8Array(40); // struct ifreq
  request.set(new TextEncoder().encode(name));
  new DataView(request.buffer).setUint16(16, MODES[mode], true);
  const { symbols } = library;
  const fd = symbols.open(new TextEncoder().encode("/dev/net/tun\0"), O_RDWR);
  if (fd < 0 || symbols.ioctl(fd, BigInt(TUNSETIFF), request) < 0) {
    throw new Error(`Cannot create the ${mode} ${name}`);
  }
  return {
    [Symbol.dispose]() {
      symbols.close(fd);
      library.close();
    },
  };
}
