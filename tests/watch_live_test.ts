/**
 * The live screen of the `watch` program, on a terminal that the test plays. `tests/examples_test.ts` has a real one.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LiveScreen } from "../examples/watch/live.ts";
import type { View } from "../examples/watch/news.ts";
import type { Output } from "../examples/watch/output.ts";
import type { NetworkMonitor } from "../mod.ts";
import { nic, state } from "./support/states.ts";
import { LIVE, snapshot, view } from "./support/watch_view.ts";

const STATES = [1400, 1500].map((mtu) => state({ interfaces: [nic("eth0", { mtu })] }));

/** A live screen on a terminal of so many rows. */
class Played {
  /** What was written: the screens, and what takes over the terminal and gives it back. */
  readonly written: string[] = [];
  readonly monitor = Object.assign(new EventTarget(), { health: LIVE });
  readonly #rows: number | null;

  /** Null: the terminal does not report its size. */
  constructor(rows: number | null) {
    this.#rows = rows;
  }

  open(shown: View = view(80)): LiveScreen {
    const size = this.#rows === null ? null : { columns: 80, rows: this.#rows };
    const write = (text: string) => Promise.resolve(void this.written.push(text));
    return new LiveScreen(
      this.monitor as unknown as NetworkMonitor,
      { size, write } as unknown as Output,
      shown,
    );
  }
}

Deno.test("the live screen shows the newest changes below the network, the last one at the bottom", async () => {
  const played = new Played(40);
  {
    await using screen = played.open();
    for (let i = 0; i < 3; i++) await screen.show(snapshot(STATES[i % 2]!, STATES[(i + 1) % 2]));
  }
  const [enter, first, , third, leave] = played.written;
  assertEquals([enter, leave], ["\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"]);
  const news = (screen = "") => [...screen.matchAll(/eth0 has MTU \d+/g)].map(([text]) => text);
  assertEquals(news(first), []); // there was nothing before the first state
  // deno-lint-ignore no-control-regex -- the terminal's escape sequences
  assertMatch(first!, /^\x1b\[H\x1b\[KOffline\r\n(\x1b\[K.*\r\n)+\x1b\[J {2}Time .*$/);
  assertEquals(news(third), ["eth0 has MTU 1500", "eth0 has MTU 1400"]);
});

Deno.test("the live screen is drawn again when the health changes, until it is disposed", async () => {
  const played = new Played(40);
  {
    await using screen = played.open();
    played.monitor.dispatchEvent(new Event("health")); // there is nothing to show yet
    assertEquals(played.written.length, 1);
    await screen.show(snapshot(STATES[0]!));
    played.monitor.health = { ...LIVE, status: "degraded" };
    played.monitor.dispatchEvent(new Event("health"));
    assertStringIncludes(played.written[2]!, "netlink, degraded");
  }
  const { length } = played.written;
  played.monitor.dispatchEvent(new Event("health"));
  assertEquals(played.written.length, length);
});

Deno.test("the live screen fits into 24 rows if the terminal does not report its size", async () => {
  const played = new Played(null);
  await using screen = played.open();
  const interfaces = Array.from({ length: 30 }, (_, i) => nic(`veth${i}`));
  await screen.show(snapshot(state({ interfaces })));
  const lines = played.written[1]!.split("\r\n");
  assertEquals([lines.length, lines.at(-1)], [23, "\x1b[J… and 17 more lines"]);
});

Deno.test("the live screen keeps the newest hundred changes", async () => {
  const played = new Played(1_000);
  await using screen = played.open();
  for (let i = 0; i <= 150; i++) await screen.show(snapshot(STATES[i % 2]!, STATES[(i + 1) % 2]));
  assertEquals(played.written.at(-1)!.match(/eth0 has MTU/g)?.length, 100);
});

Deno.test("the live screen formats no more news than it has room for", async () => {
  let groups = 0;
  await using screen = new Played(24).open(view(80, { time: () => `time ${groups++}` }));
  const states = [1400, 1500].map((mtu) =>
    state({ interfaces: Array.from({ length: 30 }, (_, i) => nic(`veth${i}`, { mtu })) })
  );
  for (let i = 0; i < 100; i++) await screen.show(snapshot(states[i % 2]!, states[(i + 1) % 2]));
  assert(groups >= 99 && groups <= 100, `${groups} for 100 snapshots that each fill the screen`);
});
