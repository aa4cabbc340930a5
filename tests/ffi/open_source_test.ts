/**
 * Which source `openSource()` selects, by option, permission and what the system offers.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ManualClock, ScriptedSource } from "../../actor/testing.ts";
import { openSource, type OpenSourceOptions } from "../../ffi/open.ts";
import { macrotask } from "../../ffi/timers.ts";
import { DecodeError, SystemCallError } from "../../state/errors.ts";
import type { OpenedSource } from "../../state/opened_source.ts";
import { NetworkMonitor, readNetworkState } from "../../mod.ts";
import { Log } from "../actor/support.ts";
import { countTurns, SimulatedTime } from "../support/simulated_time.ts";
import { ffi, type Need, skippable } from "../support/skip.ts";

const REAL: Need[] = ["linux", ffi];

/** What to open, on a clock that stands still. */
function options(fields: Partial<OpenSourceOptions> = {}): OpenSourceOptions {
  const clock = new ManualClock();
  return { source: "auto", pollingIntervalMs: 5_000, clock, listens: true, ...fields };
}

/** What `openSource()` opened. */
const itself = (opened: OpenedSource): Promise<OpenedSource> => Promise.resolve(opened);

/** Runs the body while these permissions are granted, all others undecided and refused when asked for. */
async function granted(names: readonly string[], body: () => Promise<void>): Promise<void> {
  const { querySync, request } = Deno.permissions;
  const state = ({ name }: { name: string }) => names.includes(name) ? "granted" : "prompt";
  Deno.permissions.querySync = ((it: Deno.PermissionDescriptor) => ({ state: state(it) })) as never;
  Deno.permissions.request = (() => Promise.resolve({ state: "denied" })) as never;
  try {
    await body();
  } finally {
    Object.assign(Deno.permissions, { querySync, request });
  }
}

Deno.test("openSource() uses a program's own source as it is", async () => {
  const source = new ScriptedSource({ interfaces: [] });
  const { dispose, ...opened } = await openSource(options({ source }), itself);
  assertStrictEquals(opened.source, source);
  assertEquals([opened.polling, opened.reason], [false, null]);
  await dispose(); // leaves it alone
});

Deno.test("openSource() polls at the interval if asked to, and that needs no reason", async () => {
  const { networkInterfaces } = Deno;
  let polls = 0;
  Deno.networkInterfaces = () => {
    polls++;
    return [];
  };
  try {
    const clock = new ManualClock();
    const wanted = options({ source: "polling", pollingIntervalMs: 1_234, clock });
    const { source, ...opened } = await openSource(wanted, itself);
    assertEquals([source.name, opened.polling, opened.reason], ["polling", true, null]);
    await using _subscription = await source.subscribe(new AbortController().signal);
    await clock.advance(1_233);
    assertEquals(polls, 1);
    await clock.advance(1);
    assertEquals(polls, 2);
  } finally {
    Object.assign(Deno, { networkInterfaces });
  }
});

skippable({
  name: "openSource() polls without asking if only that is granted, and says why",
  needs: ["linux"],
  async fn() {
    await granted(["sys"], async () => {
      const { polling, reason, source } = await openSource(options(), itself);
      assertEquals([source.name, polling], ["polling", true]);
      assertEquals(reason, "Only --allow-sys=networkInterfaces is granted, not --allow-ffi");
      await assertRejects(
        () => openSource(options({ source: "events" }), itself),
        Deno.errors.NotCapable,
      );
    });
  },
});

skippable({
  name: "a monitor logs why it polls, and nothing else",
  needs: ["linux"],
  async fn() {
    const log = new Log();
    await granted(["sys"], async () => {
      const { networkInterfaces } = Deno;
      Deno.networkInterfaces = () => [];
      try {
        await using _monitor = await NetworkMonitor.open({ logger: log });
      } finally {
        Object.assign(Deno, { networkInterfaces });
      }
    });
    const reason = "Only --allow-sys=networkInterfaces is granted, not --allow-ffi";
    assertEquals(log.at("info"), [`Polling: ${reason}`]);
    const source = new ScriptedSource();
    await using _other = await NetworkMonitor.open({ logger: log, source });
    assertEquals(log.at("info").length, 1);
  },
});

skippable({
  name: "a monitor of the system's network takes its time from the option clock",
  needs: REAL,
  async fn() {
    const clock = new ManualClock();
    await using monitor = await NetworkMonitor.open({ source: "events", clock });
    assertEquals([monitor.current.at, clock.pending], [clock.now(), 1]); // the reconcile interval
  },
});

skippable({
  name: "openSource() does not poll without the permission",
  needs: ["linux"],
  async fn() {
    await granted([], async () => {
      for (const source of ["auto", "events"] as const) {
        await assertRejects(() => openSource(options({ source }), itself), Deno.errors.NotCapable);
      }
    });
  },
});

Deno.test("openSource() polls on a system without an event source, or says what is needed", async () => {
  const { build } = Deno;
  Object.assign(Deno, { build: { ...build, os: "aix" } });
  try {
    const { openSource } = await import("../../ffi/open.ts?loads-the-code-of-the-system-above");
    await granted(["sys"], async () => {
      const { polling, reason } = await openSource(options(), itself);
      assertEquals([polling, reason], [true, "There is no event source for aix yet"]);
    });
    for (const [names, source] of [[["sys"], "events"], [["ffi"], "auto"]] as const) {
      await granted(names, async () => {
        await assertRejects(
          () => openSource(options({ source }), itself),
          Deno.errors.NotSupported,
          "aix",
        );
      });
    }
  } finally {
    Object.assign(Deno, { build });
  }
});

skippable({
  name: "openSource() polls if events fail, and may be polled instead",
  needs: REAL,
  async fn() {
    const libc = "/nowhere/libc.so.6";
    await granted(["ffi", "sys"], async () => {
      const { polling, reason } = await openSource(options({ libc }), itself);
      assert(
        polling && reason?.startsWith("Cannot open the C library; tried /nowhere"),
        `${reason}`,
      );
      const events = options({ libc, source: "events" });
      await assertRejects(() => openSource(events, itself), Deno.errors.NotFound);
    });
    await granted(["ffi"], async () => {
      await assertRejects(() => openSource(options({ libc }), itself), Deno.errors.NotFound);
    });
  },
});

/** Runs the body while this function of the C library fails. Returns how many times the library was unloaded. */
async function refusing(name: string, body: () => Promise<void>): Promise<number> {
  const { dlopen } = Deno;
  let closed = 0;
  Deno.dlopen = ((...args: Parameters<typeof dlopen>) => {
    const library = dlopen(...args);
    const symbols = { ...library.symbols, [name]: () => -1 };
    const close = (): void => {
      closed++;
      library.close();
    };
    return { symbols, close };
  }) as typeof dlopen;
  try {
    await body();
    await macrotask(); // without a subscription, it is unloaded a little later
    return closed;
  } finally {
    Object.assign(Deno, { dlopen });
  }
}

const REFUSALS: [name: string, what: string, call: () => Promise<unknown>][] = [
  ["socket", "a monitor", () => NetworkMonitor.open()],
  ["socket", "a read", () => readNetworkState()],
  ["timerfd_create", "a monitor", () => NetworkMonitor.open()],
];
for (const [name, what, call] of REFUSALS) {
  skippable({
    name: `${what} to which the kernel refuses ${name} unloads the library`,
    needs: REAL,
    async fn() {
      const closed = await refusing(name, async () => {
        await granted(["ffi"], async () => {
          await assertRejects(call, SystemCallError, name);
        });
      });
      assertEquals(closed, 1);
    },
  });
}

skippable({
  name: "if the kernel refuses its sockets, monitors and reads poll where they may",
  needs: REAL,
  async fn() {
    const { networkInterfaces } = Deno;
    Deno.networkInterfaces = () => [];
    try {
      await refusing("socket", () =>
        granted(["ffi", "sys"], async () => {
          await using monitor = await NetworkMonitor.open();
          const { reason, status } = monitor.health;
          assertEquals(status, "polling");
          assert(reason?.startsWith("socket(AF_NETLINK) failed"), `${reason}`);
          assertEquals((await readNetworkState()).knows.links, false);
        }));
    } finally {
      Object.assign(Deno, { networkInterfaces });
    }
  },
});

const REFUSED = new SystemCallError("RTM_GETLINK dump", 13, "EACCES");
const USES: [error: Error, source: "auto" | "events", names: readonly string[], polls: boolean][] =
  [
    [REFUSED, "auto", ["ffi", "sys"], true],
    [new DecodeError("nlmsghdr", 0), "auto", ["ffi", "sys"], true],
    [new DOMException("Too late", "TimeoutError"), "auto", ["ffi", "sys"], false],
    [REFUSED, "events", ["ffi", "sys"], false],
    [REFUSED, "auto", ["ffi"], false],
  ];
for (const [error, source, names, polls] of USES) {
  skippable({
    name: `a ${error.name} in the first use of events, with source ${source} and ${names}: ${
      polls ? "polls" : "fails"
    }`,
    needs: REAL,
    async fn() {
      const used: OpenedSource[] = [];
      const use = async (opened: OpenedSource): Promise<void> => {
        used.push(opened);
        await opened.dispose();
        if (!opened.polling) throw error;
      };
      await granted(names, async () => {
        const opening = openSource(options({ source }), use);
        if (polls) await opening;
        else assertStrictEquals(await assertRejects(() => opening), error);
      });
      assertEquals(used.map(({ reason }) => reason), polls ? [null, error.message] : [null]);
      await macrotask(); // without a subscription, the library is unloaded a little later
    },
  });
}

skippable({
  name: "openSource() opens events with their timers, and releases them",
  needs: REAL,
  async fn() {
    const read = await openSource(options({ listens: false }), itself); // opens nothing to listen with
    await read.dispose();
    assertEquals(read.clock, undefined);
    const { clock, dispose, polling, reason, source } = await openSource(options(), itself);
    await dispose(); // or the sanitizer reports the library
    await macrotask(); // without a subscription, it is unloaded a little later
    assertEquals([source.name, polling, reason], ["netlink", false, null]);
    assert(clock !== undefined);
  },
});

skippable({
  name: "openSource() gives the event loop a turn after 8 ms of openings in a row",
  needs: ["linux"],
  async fn() {
    using time = new SimulatedTime(performance.now() + 1e6);
    const steps: [passed: number, turns: number][] = [
      [0, 0], // long after the last one
      [4, 0],
      [4, 0],
      [1, 1],
      [8, 0],
      [1, 1],
      [41, 0], // not in a row: what takes so long has given turns itself
      [9, 1],
      [40, 1],
    ];
    await granted(["ffi"], async () => {
      const wanted = options({ source: "events", libc: "/nowhere/libc.so.6" });
      for (const [i, [passed, expected]] of steps.entries()) {
        time.ms += passed;
        const turns = countTurns();
        await openSource(wanted, itself).catch(() => {});
        assertEquals(turns(), expected, `opening ${i}`);
      }
    });
  },
});
