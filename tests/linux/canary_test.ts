/**
 * What the canary proves: that the kernel's messages come through the poll, not only that they arrive.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { Syscalls } from "../../ffi/linux/syscalls.ts";
import { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import { readDump } from "../../ffi/linux/requests.ts";
import { Harm } from "../support/harm.ts";
import { namespaceTest } from "../support/netns.ts";
import { NetworkChanger } from "../support/rtnetlink.ts";
import { openRuntime } from "../support/real_libc.ts";
import { scaled } from "../support/timing.ts";

/** A kernel whose polls the test can hold back. */
class HoldingSyscalls extends Syscalls {
  #held: PromiseWithResolvers<void> | null = null;

  /** From now on polls do not return. */
  hold(): void {
    this.#held ??= Promise.withResolvers();
  }

  /** They do again. */
  release(): void {
    this.#held?.resolve();
    this.#held = null;
  }

  override async poll(
    set: Int32Array<ArrayBuffer>,
    count: number,
    timeoutMs: number,
  ): Promise<number> {
    const result = await super.poll(set, count, timeoutMs);
    await this.#held?.promise;
    return result;
  }
}

/** A subscription over a kernel of its own, with a dump adopted, that is iterated. */
async function withSubscription(
  body: (subscription: LinuxSubscription, kernel: HoldingSyscalls) => Promise<void>,
  receiveBufferBytes = 1_048_576,
): Promise<void> {
  const { runtime, syscalls: kernel } = openRuntime((libc) => new HoldingSyscalls(libc));
  const subscription = new LinuxSubscription({
    runtime,
    receiveBufferBytes,
    counters: { events: 0, ignored: 0, malformed: 0, spoofed: 0 },
  });
  let iterating: Promise<unknown> = Promise.resolve();
  try {
    const socket = runtime.takeSocket();
    const dump = await readDump(socket, new AbortController().signal);
    runtime.releaseSocket(socket);
    subscription.adopt(dump);
    iterating = Array.fromAsync(subscription);
    await body(subscription, kernel);
  } finally {
    kernel.release();
    await subscription[Symbol.asyncDispose]();
    await iterating;
    await runtime.dispose();
  }
}

/** Whether the canary is heard within so many milliseconds. */
async function probe(
  subscription: LinuxSubscription,
  ms: number,
  meanwhile: () => void = () => {},
): Promise<boolean> {
  const heard = subscription.probe();
  meanwhile();
  return await deadline(heard, scaled(ms)).catch(() => false);
}

namespaceTest(
  import.meta.url,
  "a canary is answered through the poll",
  () =>
    withSubscription(async (subscription) => {
      for (let i = 0; i < 20; i++) assertEquals(await probe(subscription, 5_000), true);
    }),
);

namespaceTest(
  import.meta.url,
  "a canary is answered although a view or a read takes its first answer",
  () =>
    withSubscription(async (subscription) => {
      for (let i = 0; i < 20; i++) {
        const meanwhile = () => {
          subscription.startJournal();
          subscription.view();
          subscription.view();
        };
        assertEquals(await probe(subscription, 5_000, meanwhile), true);
      }
    }),
);

const TAKERS: [name: string, take: (subscription: LinuxSubscription) => void][] = [
  ["nothing else reads", () => {}],
  ["a view reads", (subscription) => void subscription.view()],
  ["a full read begins", (subscription) => subscription.startJournal()],
];

for (const [name, take] of TAKERS) {
  namespaceTest(
    import.meta.url,
    `a canary is missed while polls do not return and ${name}`,
    () =>
      withSubscription(async (subscription, kernel) => {
        assertEquals(await probe(subscription, 5_000), true);
        kernel.hold();
        assertEquals(await probe(subscription, 100, () => take(subscription)), false);
        kernel.release();
        assertEquals(await probe(subscription, 5_000), true);
      }),
  );
}

namespaceTest(
  import.meta.url,
  "a canary is missed at once by a socket that left its groups",
  () =>
    withSubscription(async (subscription) => {
      using harm = new Harm();
      harm.leaveGroups(subscription.port.descriptor);
      assertEquals(await probe(subscription, 60_000), false);
    }),
);

namespaceTest(
  import.meta.url,
  "a canary that an overflow swallowed is sent again",
  () =>
    withSubscription(async (subscription) => {
      using changer = new NetworkChanger();
      for (let i = 0; i < 200; i++) changer.addAddress(1, Uint8Array.of(10, 0, 0, i), 32);
      assertEquals(await probe(subscription, 5_000), true);
    }, 1),
);

namespaceTest(
  import.meta.url,
  "a canary ends with the subscription",
  () =>
    withSubscription(async (subscription, kernel) => {
      kernel.hold();
      const heard = subscription.probe();
      const disposing = subscription[Symbol.asyncDispose]();
      assertEquals(await heard, false);
      kernel.release();
      await disposing;
      assertEquals(await subscription.probe(), false);
    }),
);
