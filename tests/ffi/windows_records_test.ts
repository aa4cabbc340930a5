/**
 * The sizes that records of Windows may have: what is too long or too short is skipped and counted.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { IP_ADAPTER_ADDRESSES_LH as ADAPTER } from "../../ffi/windows/constants.ts";
import { decodeAdapters, decodeRoute } from "../../ffi/windows/records.ts";
import { BASE, encodeAdapters, encodeRoute } from "../support/windows_images.ts";

/** The MAC addresses and the addresses of the adapters, and how many records are malformed. */
function decode(bytes: Uint8Array): { macs: number[]; addresses: number[][]; malformed: number } {
  let malformed = 0;
  const adapters = decodeAdapters(bytes, BASE, () => malformed++);
  return {
    macs: adapters.map(({ macAddress }) => macAddress.length),
    addresses: adapters.map(({ addresses }) => addresses.map(({ address }) => address.length)),
    malformed,
  };
}

Deno.test("decodeAdapters() takes a MAC of up to eight bytes, as the struct has", () => {
  for (const length of [6, 8, 9]) {
    const bytes = encodeAdapters([{ name: "a", mac: [1, 2, 3, 4, 5, 6, 7, 8] }]);
    new DataView(bytes.buffer).setUint32(ADAPTER.PhysicalAddressLength, length, true);
    const { macs, malformed } = decode(bytes);
    assertEquals([macs, malformed], length > 8 ? [[], 1] : [[length], 0]);
  }
});

/** Two adapters with an address each; `change` changes the memory at the first one's address record. */
function withAddress(change: (view: DataView, record: number) => void): Uint8Array {
  const address = (text: string) => [{ address: text, prefixLength: 64 }];
  const bytes = encodeAdapters([
    { name: "a", addresses: address("2001:db8::1") },
    { name: "b", addresses: address("2001:db8::2") },
  ]);
  const view = new DataView(bytes.buffer);
  change(view, Number(view.getBigUint64(ADAPTER.FirstUnicastAddress, true) - BASE));
  return bytes;
}

Deno.test("decodeAdapters() skips an address of a 32-bit Windows", () => {
  const bytes = withAddress((view, record) => view.setUint32(record, 48, true)); // its sizeof
  assertEquals(decode(bytes), { macs: [0, 0], addresses: [[], [16]], malformed: 1 });
});

Deno.test("decodeAdapters() skips an address that the memory ends in, or that points nowhere", () => {
  const whole = withAddress(() => {});
  assertEquals(decode(whole).addresses, [[16], [16]]);
  assertEquals(decode(whole.subarray(0, -1)), {
    macs: [0, 0],
    addresses: [[16], []],
    malformed: 1,
  });
  const end = withAddress((view, record) => {
    view.setBigUint64(record + 16, BASE + BigInt(view.byteLength), true);
    view.setUint32(record + 24, 0, true); // iSockaddrLength
  });
  assertEquals(decode(end), { macs: [0, 0], addresses: [[], [16]], malformed: 1 });
  const nowhere = withAddress((view, record) => view.setBigUint64(record + 16, 0n, true));
  assertEquals(decode(nowhere), { macs: [0, 0], addresses: [[], [16]], malformed: 1 });
});

Deno.test("decodeRoute() decodes routes to one host", () => {
  for (const [destination, prefixLength] of [["192.0.2.1", 32], ["2001:db8::1", 128]] as const) {
    const route = decodeRoute(encodeRoute({ destination, prefixLength, index: 1 }));
    assertEquals(route.prefixLength, prefixLength);
  }
});
