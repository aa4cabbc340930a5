/**
 * The questions about default routes that a read of Windows asks, and the addresses in their answers.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { readDump } from "../../ffi/windows/dump.ts";
import { decodeSocketAddress, MemoryImage } from "../../ffi/windows/records.ts";
import { DecodeError } from "../../state/errors.ts";
import { BASE, encodeAdapters, encodeRoutes } from "../support/windows_images.ts";

const ERROR_NOT_SUPPORTED = 50;

Deno.test("the routing table is read once, however many destinations are asked about", async () => {
  let tables = 0;
  await readDump({
    adapters: () =>
      Promise.resolve({ bytes: encodeAdapters([{ name: "a", index: 5 }]), address: BASE }),
    bestRoute: () => ERROR_NOT_SUPPORTED,
    routeTable: () => {
      tables++;
      return encodeRoutes([{ destination: "0.0.0.0", prefixLength: 0, index: 5 }]);
    },
  }, () => {});
  assertEquals(tables, 1);
});

Deno.test("decodeSocketAddress() refuses an address that its length cuts", () => {
  const bytes = (family: number) => Uint8Array.of(family, 0, ...Array(26).fill(1));
  const decode = (family: number, length: number) =>
    decodeSocketAddress(new MemoryImage(bytes(family), 0n), 0, length).length;
  assertEquals([decode(2, 16), decode(23, 28)], [4, 16]);
  for (const [family, length] of [[2, 15], [23, 27], [23, 16], [2, 1], [1, 28]] as const) {
    assertThrows(() => decode(family, length), DecodeError);
  }
});
