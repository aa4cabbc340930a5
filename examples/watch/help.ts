/**
 * The output of `--help` and `--version`.
 *
 * @module
 */

/** The version of the package, as in `deno.json`. */
export const VERSION = "0.1.0";

/** The output of `--help`. */
export const HELP = `Shows this machine's network, then prints each change as it happens.

Usage: deno run --allow-ffi PROGRAM [options] [INTERFACE...]

PROGRAM: jsr:@netwatch/netwatch/watch, or examples/watch.ts in a clone.
INTERFACE: show only interfaces of that name; * stands for any characters.
Not with --json, whose states have all interfaces.

Output:
  --once           show the network and exit
  --live           keep the whole screen up to date, until Ctrl-C
  --json           print each snapshot as one line of JSON
  --json=changes   print each change as one line of JSON, with its text
  --major          print only wake-ups from sleep and major changes: the ones
                   that matter to a program with open connections
  --ignore NAME    leave out interfaces of that name (but not from --json), and
                   count none of their changes as major; * stands for any
                   characters; repeatable
  --iso            print times as 2025-11-22T13:22:04.123Z
  --stats          print the monitor's counters at the end; with --json, on
                   standard error

Source (times are in milliseconds, or have a unit: 250ms, 5s, 2m, 1h):
  --settle TIME    print changes when the network has been quiet for that long
                   (default 0)
  --interval TIME  compare the state with the kernel's at that interval;
                   Infinity for never (default 15s)
  --polling        read the state every 5 seconds instead of listening for
                   events
  --libc PATH      absolute path of the C library, if it is not in one of the
                   usual places

  -h, --help       print this help
  --version        print the version

Permissions:
  --allow-ffi                     listen for events
  --allow-ffi=PATH                the same, with access to the C library only
  --allow-sys=networkInterfaces   read names and addresses by polling

Usual paths of the C library:
  /lib/x86_64-linux-gnu/libc.so.6    Debian, Ubuntu
  /lib/aarch64-linux-gnu/libc.so.6   Debian, Ubuntu on ARM
  /lib64/libc.so.6                   Fedora, RHEL, SUSE
  /usr/lib/libc.so.6                 Arch
  /usr/local/lib/libc.so.6           the Docker image denoland/deno:alpine
  /lib/ld-musl-x86_64.so.1           Alpine, with a Deno built for musl
  /usr/lib/libSystem.B.dylib         macOS
  /lib/libc.so.7                     FreeBSD

Ctrl-C and SIGTERM stop the program; a second one kills it. If its output is a
pipe whose reader has exited, it stops when it has something to write.

Exit status: 0 if stopped or done, 1 on failure (standard error has the reason),
2 if an option is invalid.
`;
