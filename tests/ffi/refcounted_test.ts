/**
 * What is loaded once and counted.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { Refcounted } from "../../ffi/library.ts";
import { macrotask } from "../../ffi/timers.ts";

class Loader {
  readonly log: string[] = [];
  failing = false;
  readonly systems = new Refcounted((path) => {
    this.log.push(`load ${path}`);
    if (this.failing) return Promise.reject(new Error("No such library"));
    return Promise.resolve({
      dispose: () => {
        this.log.push(`dispose ${path}`);
        return Promise.resolve();
      },
    });
  });
}

Deno.test("Refcounted loads for the first user and disposes with the last", async () => {
  const { log, systems } = new Loader();
  const [one, other] = await Promise.all([systems.acquire("/a"), systems.acquire("/a")]);
  assertEquals(one, other);
  assertEquals(log, ["load /a"]);
  await systems.release("/a");
  assertEquals([log.length, systems.has("/a")], [1, true]);
  await systems.release("/a");
  assertEquals([log, systems.has("/a")], [["load /a", "dispose /a"], false]);
  await systems.release("/a");
  assertEquals(log.length, 2);
});

Deno.test("Refcounted keeps a value that is used again at once", async () => {
  const { log, systems } = new Loader();
  await systems.acquire("/a");
  const released = systems.release("/a");
  await Promise.resolve();
  await systems.acquire("/a");
  await released;
  assertEquals(log, ["load /a"]);
  await systems.release("/a");
  assertEquals(log, ["load /a", "dispose /a"]);
});

Deno.test("Refcounted disposes once of what was wanted again and released in the meantime", async () => {
  const { log, systems } = new Loader();
  await systems.acquire("/a");
  const released = systems.release("/a");
  await systems.acquire("/a");
  await Promise.all([released, systems.release("/a")]);
  assertEquals(log, ["load /a", "dispose /a"]);
});

Deno.test("Refcounted.release() resolves when it is disposed of", async () => {
  const { promise: unloaded, resolve: unload } = Promise.withResolvers<void>();
  const systems = new Refcounted(() => Promise.resolve({ dispose: () => unloaded }));
  await systems.acquire();
  let isReleased = false;
  const released = systems.release().then(() => isReleased = true);
  await macrotask();
  assertEquals(isReleased, false);
  unload();
  await released;
});

Deno.test("Refcounted counts each path separately, the default one too", async () => {
  const { log, systems } = new Loader();
  await systems.acquire(undefined);
  await systems.acquire("/a");
  await systems.release(undefined);
  assertEquals(log, ["load undefined", "load /a", "dispose undefined"]);
  assertEquals([systems.has(undefined), systems.has("/a")], [false, true]);
});

Deno.test("Refcounted tries again after a failure", async () => {
  const loader = new Loader();
  loader.failing = true;
  await assertRejects(() => loader.systems.acquire("/a"), Error, "No such library");
  assertEquals(loader.systems.has("/a"), false);
  loader.failing = false;
  await loader.systems.acquire("/a");
  assertEquals(loader.log, ["load /a", "load /a"]);
});
