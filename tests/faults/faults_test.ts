/**
 * The real kernel under faults: the monitor runs on a C library that lies, and after each fault its state
 * equals what iproute2 says within one interval and the limit of a read; when the fault is over it hears again.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { NetworkMonitor } from "../../mod.ts";
import { differences } from "../support/compare.ts";
import { withoutDad } from "../support/dad.ts";
import { askIproute2 } from "../support/iproute2.ts";
import { ip, ipMay, namespaceTest } from "../support/netns.ts";
import { operations } from "../support/operations.ts";
import { Random } from "../support/random.ts";
import { replay, testSeed } from "../support/seed.ts";
import { scaled } from "../support/timing.ts";
import { emptyWorld } from "../support/world.ts";
import { FaultLibc, type FAULTS } from "./fault_libc.ts";

const EIO = 5;
const ENOBUFS = 105;
const ENOTCONN = 107;
const EMFILE = 24;
const INTERVAL_MS = scaled(500);
/** A read has the shorter of the interval and 5 s (DESIGN: one interval plus the read limit). */
const BOUND_MS = 2 * INTERVAL_MS;
/** iproute2 takes its time as well, and looks again where the kernel changed meanwhile. */
const MARGIN_MS = scaled(700);
const OPERATIONS = 12;

interface FaultCase {
  name: string;
  fault: keyof typeof FAULTS;
  times?: number;
  value?: number;
  /** The fault only shows when another socket is opened. */
  breaksSocket?: boolean;
}

const CASES: FaultCase[] = [
  { name: "recv says EAGAIN although data waits", fault: "receiveSaysEmpty" },
  { name: "recv fails with EIO", fault: "receiveFails", value: EIO },
  { name: "recv fails with ENOTCONN", fault: "receiveFails", value: ENOTCONN },
  { name: "recv fails three times with ENOBUFS", fault: "receiveFails", times: 3, value: ENOBUFS },
  {
    name: "every third recv fails with ENOBUFS",
    fault: "everyThirdReceiveFails",
    value: ENOBUFS,
  },
  { name: "poll never finds the socket ready", fault: "pollIsDeaf" },
  {
    name: "socket fails five times",
    fault: "socketFails",
    times: 5,
    value: EMFILE,
    breaksSocket: true,
  },
  { name: "bind fails five times", fault: "bindFails", times: 5, value: EIO, breaksSocket: true },
  { name: "datagrams are cut in their header", fault: "truncate", value: 10 },
  { name: "datagrams are cut in their body", fault: "truncate", value: 30 },
  { name: "three datagrams are lost", fault: "drop", times: 3 },
  { name: "every datagram is lost", fault: "dropEverything" },
];

for (const it of CASES) {
  namespaceTest(
    import.meta.url,
    `the state stays right although ${it.name}`,
    () => operateUnder(it),
    { needs: ["gcc"] },
  );
}

async function operateUnder(it: FaultCase): Promise<void> {
  withoutDad();
  const seed = testSeed(1);
  using libc = new FaultLibc();
  await using monitor = await openOn(libc);
  let step = 0;
  for (const command of operations(new Random(seed), emptyWorld(), { rules: true })) {
    libc.inject(it.fault, it.times ?? -1, it.value ?? 0);
    await ipMay(command);
    if (it.breaksSocket === true && step % 5 === 0) await loseSocket(libc, it);
    const wrong = await disagreement(monitor);
    assertEquals(wrong, [], `${replay(seed)}, step ${step}: ip ${command}`);
    if (++step === OPERATIONS) break;
  }
  libc.inject("none");
  await hearsAgain(monitor);
}

/** A fault of opening a socket shows when one is lost. */
async function loseSocket(libc: FaultLibc, it: FaultCase): Promise<void> {
  libc.inject("receiveFails", -1, EIO);
  await ipMay("link set lo mtu 60000");
  await ipMay("link set lo mtu 65536");
  await delay(scaled(20));
  libc.inject(it.fault, it.times ?? -1, it.value ?? 0);
}

/** When the fault is over: live within the bound, and events are heard at once again. */
async function hearsAgain(monitor: NetworkMonitor): Promise<void> {
  const deadline = performance.now() + BOUND_MS + MARGIN_MS;
  // Reopening backs off, and each tick cuts the wait short.
  while (monitor.health.status !== "live" && performance.now() < deadline) await delay(10);
  assertEquals(monitor.health.status, "live", JSON.stringify(monitor.health));
  const { reconciles } = monitor.metrics;
  await ip("addr add 198.51.100.77/32 dev lo");
  await monitor.waitFor(
    ({ interfaces }) => interfaces.lo!.addresses.some((it) => it.address === "198.51.100.77"),
    { signal: AbortSignal.timeout(INTERVAL_MS) },
  );
  assert(monitor.metrics.reconciles <= reconciles + 4, "An event, not reconcile, must tell");
}

async function disagreement(monitor: NetworkMonitor): Promise<string[]> {
  const deadline = performance.now() + BOUND_MS + MARGIN_MS;
  for (;;) {
    const wrong = differences(await askIproute2(), monitor.current.state);
    if (wrong.length === 0 || performance.now() > deadline) return wrong;
    await delay(5);
  }
}

function openOn(libc: FaultLibc): Promise<NetworkMonitor> {
  return NetworkMonitor.open({
    source: "events",
    libc: libc.path,
    coalesceMs: 0,
    reconcileIntervalMs: INTERVAL_MS,
  });
}

namespaceTest(
  import.meta.url,
  "an ENOBUFS that the kernel does not confirm is no overflow",
  async () => {
    using libc = new FaultLibc();
    await using monitor = await openOn(libc);
    libc.inject("everyThirdReceiveFails", -1, ENOBUFS);
    for (let i = 1; i <= 30; i++) {
      await ip(`addr add 198.51.100.${i}/32 dev lo`);
      await monitor.waitFor(
        ({ interfaces }) => interfaces.lo!.addresses.length === i,
        { signal: AbortSignal.timeout(INTERVAL_MS) },
      );
    }
    const { driftsFound, overflows, reopens } = monitor.metrics;
    assertEquals({ driftsFound, overflows, reopens }, { driftsFound: 0, overflows: 0, reopens: 0 });
  },
  { needs: ["gcc"] },
);

namespaceTest(
  import.meta.url,
  "a refused bind falls back to polling, with the reason in health and one line of log",
  async () => {
    using libc = new FaultLibc();
    libc.inject("bindFails", -1, 13);
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    await using monitor = await NetworkMonitor.open({
      libc: libc.path,
      logger: { debug: () => {}, info: log, warn: log, error: log },
    });
    const { reason, source, status } = monitor.health;
    assertEquals({ source, status }, { source: "polling", status: "polling" });
    assert(reason?.includes("EACCES"), `${reason}`);
    assertEquals(lines.length, 1);
  },
  { needs: ["gcc"] },
);

namespaceTest(
  import.meta.url,
  "a refused bind is an error with source: events",
  async () => {
    using libc = new FaultLibc();
    libc.inject("bindFails", -1, 1);
    const error = await NetworkMonitor.open({ source: "events", libc: libc.path })
      .then((monitor) => monitor.close(), (error) => error);
    assertEquals([error.name, error.codeName, error.operation], [
      "SystemCallError",
      "EPERM",
      "bind(AF_NETLINK)",
    ]);
  },
  { needs: ["gcc"] },
);
