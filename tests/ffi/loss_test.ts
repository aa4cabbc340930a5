/**
 * From a loss of messages until a full read replaces the table, the views of the subscription of Linux stay as they
 * are: the table lacks what was lost, but has later changes. Over a kernel that the test plays.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { C } from "../../ffi/linux/constants.ts";
import { encodeMessage } from "../../ffi/linux/netlink.ts";
import type { LinuxSubscription } from "../../ffi/linux/subscription.ts";
import { FakeLinux } from "../support/fake_linux.ts";
import { newAddress, newLink } from "../support/netlink.ts";

const { signal } = new AbortController();
const RULE = encodeMessage(C.RTM_NEWRULE, 0, Uint8Array.of(C.AF_INET));

interface Machine {
  kernel: FakeLinux;
  /** The kernel adds 192.0.2.x, and announces it. */
  add: (x: number) => void;
  /** The last bytes of the addresses in a view taken now. */
  view: () => (string | undefined)[];
  /** A full read that is adopted. */
  read: () => Promise<void>;
}

/** Runs the body with a subscription that has a table with 192.0.2.1. */
async function listening(body: (it: Machine) => Promise<void>): Promise<void> {
  const kernel = new FakeLinux();
  const addresses = [newAddress(2, 192, 0, 2, 1)];
  kernel.records = () => kernel.asked.dumps % 2 === 1 ? [newLink(2, "eth0")] : addresses;
  await using source = kernel.source();
  const subscription = await source.subscribe(signal) as LinuxSubscription;
  const add = (x: number): void => {
    addresses.push(newAddress(2, 192, 0, 2, x));
    kernel.queue(newAddress(2, 192, 0, 2, x));
  };
  const view = (): (string | undefined)[] =>
    subscription.view()!.interfaces[0]!.addresses.map(({ address }) => address.split(".")[3]);
  const read = async (): Promise<void> => subscription.adopt(await source.read(signal));
  await read();
  assertEquals(view(), ["1"]);
  await body({ kernel, add, view, read });
}

/** A message that cannot be decoded: it is too short. */
const MALFORMED = encodeMessage(C.RTM_NEWLINK, 0, Uint8Array.of(0));

const LOSSES: [what: string, lose: (it: Machine) => void][] = [
  ["the kernel dropped messages", ({ kernel }) => kernel.dropped++],
  ["a message cannot be decoded", ({ kernel }) => kernel.queue(MALFORMED)],
];

for (const [what, lose] of LOSSES) {
  Deno.test(`LinuxSubscription.view() shows no later change if ${what}, until a full read`, () =>
    listening(async (machine) => {
      const { add, read, view } = machine;
      add(2);
      assertEquals(view(), ["1", "2"]);
      lose(machine);
      assertEquals(view(), ["1", "2"]);
      add(3);
      assertEquals(view(), ["1", "2"]);
      await read();
      assertEquals(view(), ["1", "2", "3"]);
      add(4);
      assertEquals(view(), ["1", "2", "3", "4"]);
    }));

  Deno.test(`LinuxSubscription.view() stays as it is if ${what} while the routes are looked up`, () =>
    listening(async (machine) => {
      const { add, kernel, read, view } = machine;
      kernel.onAnswer = () => {
        kernel.onAnswer = () => {};
        lose(machine);
      };
      kernel.queue(RULE);
      add(2);
      assertEquals(view(), ["1"]);
      await read();
      assertEquals(view(), ["1", "2"]);
    }));

  Deno.test(`LinuxSubscription.view() shows the full read alone if ${what} meanwhile, until the next one`, () =>
    listening(async (machine) => {
      const { add, kernel, read, view } = machine;
      kernel.onAnswer = () => {
        kernel.onAnswer = () => {};
        add(2);
        view();
        lose(machine);
        assertEquals(view(), ["1", "2"]);
        add(3); // before the addresses are dumped
      };
      await read();
      assertEquals(view(), ["1", "2", "3"]);
      add(4);
      assertEquals(view(), ["1", "2", "3"]);
      await read();
      assertEquals(view(), ["1", "2", "3", "4"]);
    }));
}

Deno.test("LinuxSubscription.view() shows the full read alone if more events came meanwhile than it keeps", () =>
  listening(async ({ add, kernel, read, view }) => {
    kernel.onAnswer = () => {
      kernel.onAnswer = () => {};
      for (let i = 0; i < 4_097; i++) kernel.queue(RULE);
      for (let slice = 0; slice < 5; slice++) view();
    };
    await read();
    add(2);
    assertEquals(view(), ["1"]);
    await read();
    assertEquals(view(), ["1", "2"]);
  }));

Deno.test("LinuxSubscription.adopt() applies to a dump what was received while it was read", () =>
  listening(async ({ kernel, read, view }) => {
    kernel.onAnswer = () => {
      kernel.onAnswer = () => {};
      const gone = newAddress(2, 192, 0, 2, 8);
      kernel.queue(gone);
      kernel.queue(encodeMessage(C.RTM_DELADDR, 0, gone.subarray(C.NLMSGHDR_SIZE)));
      kernel.queue(newAddress(2, 192, 0, 2, 9)); // the dump lacks it
      assertEquals(view(), ["1", "9"]);
    };
    await read();
    assertEquals(view(), ["1", "9"]);
  }));
