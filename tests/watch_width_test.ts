/**
 * Long lines and long lists of the `watch` program.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { formatNews } from "../examples/watch/news.ts";
import { formatTable } from "../examples/watch/table.ts";
import { widthOf } from "../examples/watch/text.ts";
import { address, nic, state } from "./support/states.ts";
import { LIVE, snapshot, view } from "./support/watch_view.ts";

Deno.test("formatNews() breaks between the reasons of a line", () => {
  const added = [
    "192.168.7.1/24",
    "2001:db8:1234:5678:a1b2:c3d4:e5f6:1/64",
    "fd12:3456:789a:1::2/64",
  ];
  const next = state({
    interfaces: [nic("eth0", { addresses: added.map((cidr) => address(cidr)) })],
  });
  const lines = formatNews(snapshot(next, state({ interfaces: [nic("eth0")] })), next, view(80))
    .split("\n");
  assertEquals(lines.filter((line) => widthOf(line) > 80), []);
  assertMatch(lines.join("\n"), /\(major: 192\.168\.7\.1 usable,\n/);
});

Deno.test("formatTable() keeps names and states on a terminal that is too narrow", () => {
  const nics = [nic("eth0", { addresses: ["192.0.2.1/24"] }), nic("wlan0", { running: false })];
  const table = formatTable(snapshot(state({ interfaces: nics })), LIVE, view(16));
  assertMatch(
    table,
    /\n {2}INTERFACE {2}STATE\n.*\n {2}eth0 {7}up\n +192\.0\.2\.1\/24\n {2}wlan0 {6}no carrier\n\n/,
  );
});

Deno.test("formatTable() has room for 150,000 addresses", () => {
  const addresses = Array.from(
    { length: 150_000 },
    (_, i) => address(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`),
  );
  const table = formatTable(
    snapshot(state({ interfaces: [nic("eth0", { addresses })] })),
    LIVE,
    view(80),
  );
  assert(table.split("\n").length > 150_000);
});
