/**
 * `navigator.onLine` and the global events, from a scripted network.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { installOnLine } from "../../actor/navigator.ts";
import { scriptedRoute } from "../../actor/testing.ts";
import { read, skippable } from "../support/skip.ts";
import { type OpenSetting, setUp } from "./support.ts";

/** What `navigator.onLine` is; undefined without `installOnLine()`. */
function onLine(): unknown {
  return Reflect.get(navigator, "onLine");
}

/** The default route comes or goes, or routes become unknown, and the window passes. */
function become(it: OpenSetting, online: boolean | "unknown"): Promise<void> {
  const ipv4 = online === true ? scriptedRoute("eth0", null, { source: "192.0.2.1" }) : null;
  const knows = { links: true, addressFlags: true, routes: online !== "unknown" };
  it.source.set({ defaultRoute: { ipv4, ipv6: null }, knows });
  it.source.announce();
  return it.clock.advance(250);
}

/** The global events and handler calls until the end of the block. */
function recordEvents(): Disposable & { seen: string[] } {
  const seen: string[] = [];
  const onEvent = ({ type, target }: Event) => seen.push(target === globalThis ? type : "?");
  const handlers = {
    ononline(this: unknown, { type }: Event) {
      seen.push(this === globalThis ? `on${type}` : "?");
    },
    onoffline(this: unknown, { type }: Event) {
      seen.push(this === globalThis ? `on${type}` : "?");
    },
  };
  Object.assign(globalThis, handlers);
  for (const type of ["online", "offline"]) globalThis.addEventListener(type, onEvent);
  return {
    seen,
    [Symbol.dispose]() {
      for (const name of Object.keys(handlers)) Reflect.deleteProperty(globalThis, name);
      for (const type of ["online", "offline"]) globalThis.removeEventListener(type, onEvent);
    },
  };
}

Deno.test("navigator.onLine and the global events follow state.online; unknown is online", async () => {
  await using it = await setUp();
  using events = recordEvents();
  using _installed = installOnLine(it.monitor);
  assertEquals([it.monitor.current.state.online, onLine()], [false, false]);
  await become(it, true);
  assertEquals([onLine(), ...events.seen.splice(0)], [true, "online", "ononline"]);
  await become(it, "unknown");
  assertEquals([onLine(), ...events.seen.splice(0)], [true]);
  await become(it, false);
  assertEquals([onLine(), ...events.seen.splice(0)], [false, "offline", "onoffline"]);
  await become(it, "unknown");
  assertEquals([onLine(), ...events.seen.splice(0)], [true, "online", "ononline"]);
  await become(it, true);
  assertEquals(events.seen, []);
});

Deno.test("dispose undoes everything, and it can be installed again", async () => {
  await using it = await setUp();
  const names = Object.getOwnPropertyNames(globalThis);
  using events = recordEvents();
  const installed = installOnLine(it.monitor);
  const property = Object.getOwnPropertyDescriptor(navigator, "onLine");
  assertEquals([property?.configurable, property?.enumerable], [true, true]);
  installed[Symbol.dispose]();
  assertEquals("onLine" in navigator, false);
  await become(it, true);
  assertEquals(events.seen, []);
  for (const type of ["offline", "online"]) globalThis.dispatchEvent(new Event(type));
  assertEquals(events.seen.splice(0), ["offline", "online"]); // and no "onoffline"

  using _again = installOnLine(it.monitor);
  installed[Symbol.dispose](); // is over
  assertEquals("onLine" in navigator, true);
  await become(it, false);
  assertEquals(events.seen, ["offline", "onoffline"]);
  events[Symbol.dispose]();
  assertEquals(Object.getOwnPropertyNames(globalThis), names);
});

Deno.test("a property that was there before is restored as it was", async () => {
  await using it = await setUp();
  const original = { configurable: true, enumerable: false, writable: true, value: "theirs" };
  Object.defineProperty(navigator, "onLine", original);
  try {
    installOnLine(it.monitor)[Symbol.dispose]();
    assertEquals(Object.getOwnPropertyDescriptor(navigator, "onLine"), original);
  } finally {
    Reflect.deleteProperty(navigator, "onLine");
  }
});

Deno.test("the second installOnLine() is a TypeError and changes nothing", async () => {
  await using it = await setUp();
  await using other = await setUp();
  const installed = installOnLine(it.monitor);
  try {
    assertThrows(() => installOnLine(other.monitor), TypeError, "already installed");
    await become(other, true);
    assertEquals(onLine(), false);
  } finally {
    installed[Symbol.dispose]();
  }
  assertThrows(() => installOnLine({} as never), TypeError, "NetworkMonitor");
  for (const wrong of [null, new EventTarget(), { current: it.monitor.current }]) {
    assertThrows(() => installOnLine(wrong as never), TypeError, "NetworkMonitor");
  }
  assertEquals("onLine" in navigator, false);
});

Deno.test("after the monitor is closed the last value remains", async () => {
  const it = await setUp();
  await become(it, true);
  using _installed = installOnLine(it.monitor);
  await it.monitor.close();
  assertEquals(onLine(), true);
});

skippable({
  name: "navigator.onLine in a Worker is the Worker's own",
  needs: [read],
  async fn() {
    const url = new URL("../support/programs/online_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    const { data } = await new Promise<MessageEvent>((resolve) => worker.onmessage = resolve);
    worker.terminate();
    assertEquals(data, [false, "online", true, false]);
    assertEquals("onLine" in navigator, false);
  },
});
