/**
 * Watches the machine that it runs on while it adds an address to the loopback interface and removes it
 * again: `deno run -A tests/live.ts`, as root or administrator. On Linux run it under `unshare -rn`.
 * CI runs it where this project has no machine.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { formatChange } from "../state/format.ts";
import { NetworkMonitor, type State } from "../mod.ts";
import { scaled } from "./support/timing.ts";

const ADDRESS = "127.85.66.7";
const EVENT_MAX_MS = 5_000; // less than the reconcile interval

/** How to change the loopback interface. */
const COMMANDS: Record<string, { add: string; remove: string }> = {
  linux: {
    add: `ip addr add ${ADDRESS}/8 dev lo`,
    remove: `ip addr del ${ADDRESS}/8 dev lo`,
  },
  darwin: {
    add: `ifconfig lo0 alias ${ADDRESS} netmask 255.255.255.255`,
    remove: `ifconfig lo0 -alias ${ADDRESS}`,
  },
  freebsd: {
    add: `ifconfig lo0 alias ${ADDRESS} netmask 255.255.255.255`,
    remove: `ifconfig lo0 -alias ${ADDRESS}`,
  },
  windows: {
    add: `netsh interface ipv4 add address 1 ${ADDRESS} 255.0.0.0 store=active`,
    remove: `netsh interface ipv4 delete address 1 ${ADDRESS} store=active`,
  },
};

await using monitor = await NetworkMonitor.open({
  source: "events",
  reconcileIntervalMs: 15_000,
  logger: console,
});
const { state } = monitor.current;
console.log(Object.values(state.interfaces).map(({ name, kind, up }) => ({ name, kind, up })));
console.log(state.defaultRoute);
assertEquals(monitor.health.status, "live");
const missing = Deno.networkInterfaces().map(({ address }) => address.replace(/%.*/, ""))
  .filter((address) => !addressesOf(state).includes(address));
assertEquals(missing, [], "addresses that only Deno.networkInterfaces() has");

const commands = COMMANDS[Deno.build.os];
assert(commands !== undefined, `No commands for ${Deno.build.os}`);
try {
  await expectEvent("add", commands.add, (state) => addressesOf(state).includes(ADDRESS));
} catch (error) {
  await execute(commands.remove); // the next run adds it again
  throw error;
}
await expectEvent("remove", commands.remove, (state) => !addressesOf(state).includes(ADDRESS));

const before = monitor.metrics;
assertEquals(await monitor.refresh(), monitor.current, "a full read differs from the events");
assertEquals(before.driftsFound, 0);
assertEquals(before.malformed, 0);
console.log(monitor.metrics);

/** Runs a command and waits until events, not a full read, show its effect. */
async function expectEvent(
  name: string,
  command: string,
  predicate: (state: State) => boolean,
): Promise<void> {
  const started = performance.now();
  const { success, stdout, stderr } = await execute(command);
  const decoder = new TextDecoder();
  assert(success, `${command}: ${decoder.decode(stdout)}${decoder.decode(stderr)}`);
  const signal = AbortSignal.timeout(scaled(EVENT_MAX_MS));
  const snapshot = await monitor.waitFor(predicate, { signal });
  const ms = Math.round(performance.now() - started);
  console.log(`${name}: ${ms} ms, cause ${snapshot.cause}`);
  for (const change of snapshot.changes) console.log(`  ${formatChange(change)}`);
  assertEquals(snapshot.cause, "event");
}

function execute(command: string): Promise<Deno.CommandOutput> {
  const [program = "", ...args] = command.split(" ");
  return new Deno.Command(program, { args }).output();
}

function addressesOf({ interfaces }: State): string[] {
  return Object.values(interfaces).flatMap(({ addresses }) =>
    addresses.map(({ address }) => address)
  );
}
