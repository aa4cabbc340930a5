import { assert, assertEquals } from "@std/assert";
import { getLogger } from "@std/log/get-logger";
import { errorText, guardLogger, IgnoredInterfaces, valueText } from "../../actor/user_code.ts";
import { scriptedInterface } from "../../actor/testing.ts";
import { Log, setUp } from "./support.ts";

Deno.test("guardLogger() survives a logger that throws or rejects", async () => {
  const broken = () => {
    throw new Error("Broken");
  };
  const rejecting = () => Promise.reject(new Error("Broken"));
  const logger = guardLogger({ debug: broken, info: broken, warn: rejecting, error: rejecting });
  for (const level of ["debug", "info", "warn", "error"] as const) logger[level]("x");
  await new Promise((resolve) => setImmediate(resolve));
});

Deno.test("guardLogger() asks for the logger netwatch at every call", () => {
  const logger = guardLogger(undefined);
  const target = getLogger("netwatch");
  const heard: string[] = [];
  const original = target.warn;
  target.warn = ((message: string) => heard.push(message)) as never;
  try {
    logger.warn("one");
  } finally {
    target.warn = original;
  }
  logger.warn("two");
  assertEquals(heard, ["one"]);
});

Deno.test("IgnoredInterfaces asks the predicate once for each interface object", () => {
  const asked: string[] = [];
  const ignored = new IgnoredInterfaces(({ name }) => {
    asked.push(name);
    return name === "docker0";
  }, new Log());
  const [docker0, eth0] = [scriptedInterface("docker0"), scriptedInterface("eth0")];
  ignored.remember([docker0, eth0]);
  ignored.remember([docker0]);
  assertEquals([docker0, eth0, scriptedInterface("docker0")].map(ignored.has), [
    true,
    false,
    false,
  ]);
  assertEquals(asked, ["docker0", "eth0"]);
});

Deno.test("IgnoredInterfaces logs the first error and counts each as false", () => {
  const log = new Log();
  const ignored = new IgnoredInterfaces(() => {
    throw new Error("Broken");
  }, log);
  const nics = [scriptedInterface("eth0"), scriptedInterface("eth1")];
  ignored.remember(nics);
  assertEquals(nics.map(ignored.has), [false, false]);
  assertEquals(log.at("error").length, 1);
  assert(log.at("error")[0]!.includes("Broken"));
});

Deno.test("errorText() gives words for whatever was thrown", () => {
  const thrown = [new Error("Bad"), new TypeError(), "text", undefined, new Error("\u001b[2J")];
  assertEquals(thrown.map(errorText), ["Bad", "TypeError", "text", "undefined", "\\u{1b}[2J"]);
  assertEquals(errorText(Object.create(null)), "An error that cannot be written");
});

Deno.test("valueText() shows whatever was given", () => {
  const given = [-5, NaN, "a\u001b", null, undefined, true, 10n, Symbol("s"), {}, [], () => {}];
  assertEquals(given.map(valueText), [
    "-5",
    "NaN",
    '"a\\u001b"',
    "null",
    "undefined",
    "true",
    "10n",
    "Symbol(s)",
    "an object",
    "an object",
    "a function",
  ]);
  assertEquals(valueText(Object.create(null)), "an object");
});

Deno.test("a monitor goes on when its logger and predicate throw", async () => {
  const broken = () => {
    throw new Error("Broken");
  };
  const logger = { debug: broken, info: broken, warn: broken, error: broken };
  await using it = await setUp({ monitor: { logger, ignoreInterface: broken } });
  it.source.set([scriptedInterface("eth0", ["192.0.2.2/24"])]);
  it.source.end();
  await it.clock.advance(300);
  assertEquals([it.monitor.current.major, it.monitor.health.status], [true, "live"]);
});

Deno.test("ignoreInterface keeps what it names out of major", async () => {
  const ignoreInterface = ({ name }: { name: string }) => name.startsWith("veth");
  await using it = await setUp({ monitor: { ignoreInterface } });
  const { interfaces } = it.source.truth;
  it.source.set([...interfaces, scriptedInterface("veth1", ["10.0.0.1/24"], { index: 9 })]);
  it.source.announce();
  await it.clock.settle();
  assertEquals([it.monitor.current.sequence, it.monitor.current.major], [2, false]);
});
