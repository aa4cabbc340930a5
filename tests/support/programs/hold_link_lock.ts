/**
 * Holds the kernel's lock for interfaces (`rtnl_mutex`): prints "held", and gives it back when its input ends or the
 * time is over (argument: milliseconds). `ETHTOOL_GSTRINGS` of `lo` changes nothing, but reads its argument under the
 * lock (net/ethtool/ioctl.c); a part of the argument is in a page that is missing until this program provides it
 * (Documentation/admin-guide/mm/userfaultfd.rst).
 *
 * @module
 */
import { libcPath } from "../real_libc.ts";

const library = Deno.dlopen(libcPath(), {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  ioctl_in_pool: {
    name: "ioctl",
    parameters: ["i32", "usize", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "usize" },
  copy_to: { name: "memcpy", parameters: ["usize", "buffer", "usize"], result: "usize" },
});
const libc = library.symbols;

const PAGE = 65_536n; // the largest of any system
const USERFAULTFD_IOC_NEW = 0xaa00n; // linux/userfaultfd.h
const UFFDIO_API = 0xc018aa3fn;
const UFFDIO_REGISTER = 0xc020aa00n;
const UFFDIO_ZEROPAGE = 0xc020aa04n;
const SIOCETHTOOL = 0x8946n; // linux/sockios.h
const ETHTOOL_GSTRINGS = 0x1b; // linux/ethtool.h
const [AF_INET, SOCK_DGRAM, O_RDWR, O_CLOEXEC] = [2, 2, 2, 0o2000000];
const [PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS] = [3, 0x22];

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`${what} failed`);
  return result;
}

const path = new TextEncoder().encode("/dev/userfaultfd\0");
const device = check("open", libc.open(path, O_RDWR | O_CLOEXEC));
const faults = check("USERFAULTFD_IOC_NEW", libc.ioctl(device, USERFAULTFD_IOC_NEW, null));
check("UFFDIO_API", libc.ioctl(faults, UFFDIO_API, BigUint64Array.of(0xaan, 0n, 0n)));
const memory = libc.mmap(0n, 2n * PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0n);
const missing = memory + PAGE;
const MODE_MISSING = 1n;
check(
  "UFFDIO_REGISTER",
  libc.ioctl(faults, UFFDIO_REGISTER, BigUint64Array.of(missing, PAGE, MODE_MISSING, 0n)),
);
// struct ethtool_gstrings: the command is read before the lock, the rest under it
const argument = missing - 4n;
libc.copy_to(argument, Uint32Array.of(ETHTOOL_GSTRINGS), 4n);
const ifreq = new Uint8Array(40); // struct ifreq: char ifr_name[16]; void *ifr_data;
ifreq.set(new TextEncoder().encode("lo"));
new DataView(ifreq.buffer).setBigUint64(16, argument, true);

const fault = libc.read(faults, new Uint8Array(32), 32n);
const socket = check("socket", libc.socket(AF_INET, SOCK_DGRAM, 0));
const holding = libc.ioctl_in_pool(socket, SIOCETHTOOL, ifreq);
await fault;
console.log("held");
const timeout = new Promise((resolve) => setTimeout(resolve, Number(Deno.args[0])));
await Promise.race([timeout, Deno.stdin.read(new Uint8Array(1))]);
check(
  "UFFDIO_ZEROPAGE",
  libc.ioctl(faults, UFFDIO_ZEROPAGE, BigUint64Array.of(missing, PAGE, 0n, 0n)),
);
await holding;
Deno.exit();
