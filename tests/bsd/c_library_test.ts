/**
 * The BSD source on a small C library with the names, struct layouts and constants of macOS. It shows what
 * the simulated kernel cannot: that `Deno.dlopen` finds the functions and passes their parameters.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { NetworkMonitor } from "../../mod.ts";
import { libcRequest } from "../../ffi/bsd/libc.ts";
import { BsdSource } from "../../ffi/bsd/source.ts";
import type { Reading } from "../../state/ports.ts";
import type { State } from "../../state/types.ts";
import { Log } from "../actor/support.ts";
import { ROOT, runDenoOk } from "../support/run.ts";
import { ffi, type Need, read, run, skippable, write } from "../support/skip.ts";
import { scaled } from "../support/timing.ts";

const NEEDS: Need[] = [ffi, read, write, run, "linux", "gcc"];
const NEVER = new AbortController().signal;

const CONTROLS = {
  test_add_subnet: { parameters: ["i32", "i32"], result: "void" },
  test_pass_check: { parameters: [], result: "void" },
  test_notify: { parameters: ["i32"], result: "void" },
  test_sleep: { parameters: ["i32"], result: "void" },
  test_open: { parameters: [], result: "i32" },
} as const;

/** The library in a temporary folder, and its switches. */
class Library implements Disposable {
  readonly path: string;
  readonly turn: Deno.DynamicLibrary<typeof CONTROLS>["symbols"];
  readonly #folder: string;
  readonly #library: Deno.DynamicLibrary<typeof CONTROLS>;

  constructor(...defines: string[]) {
    this.#folder = Deno.makeTempDirSync();
    this.path = `${this.#folder}/libSystem.B.dylib`;
    const source = `${import.meta.dirname}/darwin_libc.c`;
    const { stderr, success } = new Deno.Command("gcc", {
      args: ["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", this.path]
        .concat(defines.map((define) => `-D${define}`), source),
    }).outputSync();
    assert(success, new TextDecoder().decode(stderr));
    this.#library = Deno.dlopen(this.path, CONTROLS);
    this.turn = this.#library.symbols;
  }

  [Symbol.dispose](): void {
    this.#library.close();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

async function openMonitor(libc: string): Promise<AsyncDisposable & { monitor: NetworkMonitor }> {
  const source = await BsdSource.open({ libc });
  const options = { source, coalesceMs: 0, reconcileIntervalMs: 600_000, logger: new Log() };
  const monitor = await NetworkMonitor.open(options);
  return {
    monitor,
    [Symbol.asyncDispose]: async () => {
      await monitor.close();
      await source[Symbol.asyncDispose]();
    },
  };
}

skippable({
  name: "the BSD source works through Deno.dlopen on a library with Darwin's names and layouts",
  needs: NEEDS,
  async fn() {
    using library = new Library();
    const { turn } = library;
    {
      await using opened = await openMonitor(library.path);
      const { monitor } = opened;
      const { state } = monitor.current;
      const en0 = state.interfaces.en0!;
      assertEquals([en0.index, en0.mtu, en0.mac, en0.kind, en0.flags], [
        4,
        1500,
        "02:00:00:00:00:04",
        "ethernet",
        0x8863,
      ]);
      assertEquals(en0.addresses.map((it) => [it.cidr, it.tentative, it.scopeId]), [
        ["10.0.0.1/24", false, null],
        ["fe80::7/64", true, 4],
      ]);
      assertEquals(state.defaultRoute.ipv4, {
        interface: "en0",
        gateway: "10.0.0.254",
        source: "10.0.0.1",
        metric: null,
      });
      assertEquals(state.knows.addressFlags, true);
      assertEquals(monitor.health.listeners, ["route", "network_change", "kernel-events"]);

      const sees = async (predicate: (state: State) => boolean) => {
        await monitor.waitFor(predicate, { signal: AbortSignal.timeout(scaled(5_000)) });
      };
      turn.test_add_subnet(1, 1);
      await sees(({ localAddresses }) => localAddresses.regular.includes("10.0.1.1"));
      turn.test_notify(2);
      await sees(({ localAddresses }) => localAddresses.regular.includes("10.0.2.1"));
      turn.test_pass_check();
      await sees(({ interfaces }) => interfaces.en0!.addresses.at(-1)?.tentative === false);
      turn.test_sleep(3_600);
      turn.test_add_subnet(3, 1);
      await sees(({ sleptMs }) => sleptMs !== null);
      assertEquals(monitor.current.state.sleptMs, 3_600_000);
    }
    assertEquals(turn.test_open(), 0, "sockets were left open");
  },
});

skippable({
  name: "the canary of the BSD source comes back through Deno.dlopen",
  needs: NEEDS,
  async fn() {
    using library = new Library();
    await using source = await BsdSource.open({ libc: library.path });
    await using subscription = await source.subscribe(NEVER);
    const iterating = Array.fromAsync(subscription);
    assertEquals(await subscription.probe(AbortSignal.timeout(scaled(5_000))), true);
    assertEquals(source.counters.malformed, 0);
    await subscription[Symbol.asyncDispose]();
    await iterating;
  },
});

skippable({
  name: "the BSD source works without libnotify",
  needs: NEEDS,
  async fn() {
    using library = new Library("WITHOUT_NOTIFY");
    await using opened = await openMonitor(library.path);
    const { monitor } = opened;
    assertEquals(monitor.health.listeners, ["route", "kernel-events"]);
  },
});

skippable({
  name: "ioctl gets its argument as the ninth too, where Apple's arm64 looks for it",
  needs: NEEDS,
  async fn() {
    using library = new Library("APPLE_ARM64");
    await using source = await BsdSource.open({ libc: library.path });
    const reading: Reading = await source.read(NEVER);
    assertEquals(reading.knows.addressFlags, true);
    assertEquals(reading.interfaces[0]?.addresses.at(-1)?.tentative, true);
    const subscription = await source.subscribe(NEVER);
    assertEquals(source.listeners.includes("kernel-events"), true);
    await subscription[Symbol.asyncDispose]();
  },
});

skippable({
  name: "the BSD source needs only the permission for the path of its library",
  needs: NEEDS,
  async fn() {
    using library = new Library();
    const script = `
      import { BsdSource } from ${JSON.stringify(new URL("ffi/bsd/source.ts", ROOT).href)};
      const options = { libc: ${JSON.stringify(library.path)} };
      const granted = await BsdSource.granted(options);
      const source = await BsdSource.open(options);
      await Deno.permissions.revoke({ name: "ffi" });
      const signal = new AbortController().signal;
      const subscription = await source.subscribe(signal);
      const { interfaces } = await source.read(signal);
      void Array.fromAsync(subscription);
      const hears = await subscription.probe(AbortSignal.timeout(${scaled(5_000)}));
      await source[Symbol.asyncDispose]();
      console.log(JSON.stringify([granted, interfaces[0].name, hears]));
    `;
    const { stdout } = await runDenoOk([
      "run",
      "--quiet",
      "--no-check",
      "--no-prompt",
      "--config",
      "deno.json",
      `--allow-ffi=${library.path}`,
      `data:application/typescript,${encodeURIComponent(script)}`,
    ]);
    assertEquals(JSON.parse(stdout), [true, "en0", true]);
  },
});

Deno.test("libcRequest() names the C library where the loader of each system finds it", () => {
  const darwin = libcRequest("darwin", undefined);
  // Not a file on disk: only this very path can be granted or opened.
  assertEquals(darwin.candidates, ["/usr/lib/libSystem.B.dylib"]);
  assertEquals(darwin.sonames, []);
  const freebsd = libcRequest("freebsd", undefined);
  assertEquals(freebsd.sonames, ["libc.so.7"]);
  assertEquals(freebsd.candidates[0], "/lib/libc.so.7");
  assertEquals(libcRequest("darwin", "/opt/libc").path, "/opt/libc");
});
