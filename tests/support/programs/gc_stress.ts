/**
 * Wakes a shared poll again and again while the garbage collector runs, and prints how many datagrams
 * came through. Run with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { POLLIN } from "../../../ffi/poll_loop.ts";
import { Syscalls } from "../../../ffi/linux/syscalls.ts";
import { openRuntime, send, socketPair } from "../real_libc.ts";
import { Wakeups } from "../../../ffi/linux/subscription.ts";

const ROUNDS = 100;

declare const gc: () => void;

async function main(): Promise<void> {
  const { runtime, syscalls, libc } = openRuntime((it) => new Syscalls(it));
  const [here, there] = socketPair(libc);
  runtime.wakeups = new Wakeups(syscalls);
  const watch = runtime.wakeups.pollLoop.watch(here);
  let right = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const ready = watch.ready();
    // The poll is under way: only the poll loop holds its buffer now.
    await new Promise((resolve) => setTimeout(resolve, 0));
    gc();
    garbage();
    send(libc, there, Uint8Array.of(round & 0xff, round >> 8));
    if (await ready !== POLLIN) throw new Error(`Round ${round} woke with something else`);
    const datagram = syscalls.receive(here) === 1 ? syscalls.buffer.datagram(0)! : [];
    gc();
    if (datagram.length === 2 && (datagram[0]! | (datagram[1]! << 8)) === round) right++;
    const option = new Uint8Array(4);
    syscalls.getOption(here, 1, 3, option);
    gc();
    // SO_TYPE of SOL_SOCKET: SOCK_SEQPACKET.
    if (option[0] !== 5) throw new Error(`Round ${round} read ${option} as SO_TYPE`);
  }
  await watch.close();
  syscalls.close(here);
  syscalls.close(there);
  await runtime.dispose();
  console.log(`${right} of ${ROUNDS}`);
}

/** Takes over what was freed too early. */
function garbage(): void {
  for (let i = 0; i < 200; i++) new Uint8Array(16 + i % 32).fill(0xee);
}

main();
