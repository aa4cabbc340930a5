/**
 * Inputs for mutation tests of the Windows decoders: memory filled in by Wine, and images of our own.
 *
 * @module
 */
import { decodeAdapters, decodeDefaultRoutes, decodeRoute } from "../../ffi/windows/records.ts";
import { publishedInterface } from "../../ffi/windows/dump.ts";
import { WINE_ADAPTERS, WINE_ROUTES } from "../fixtures/wine.ts";
import { decodesOrRefuses, hex, mutate } from "./netlink.ts";
import type { Random } from "./random.ts";
import { BASE, encodeAdapters, encodeRoute } from "./windows_images.ts";

/** One input, with its decoder. */
export interface WindowsSample {
  name: string;
  bytes: Uint8Array;
  decode(bytes: Uint8Array): void;
}

function adaptersSample(name: string, bytes: Uint8Array, base: bigint): WindowsSample {
  const decode = (bytes: Uint8Array): void => {
    decodeAdapters(bytes, base, () => {}).forEach((adapter) => publishedInterface(adapter));
  };
  return { name, bytes, decode };
}

const OWN = encodeAdapters([
  {
    name: "Ethernet",
    description: "Realtek PCIe GbE Family Controller",
    index: 5,
    mac: [2, 0, 0, 0, 0, 5],
    addresses: [
      { address: "192.0.2.7", prefixLength: 24 },
      { address: "fe80::7", prefixLength: 64 },
    ],
  },
  { name: "VPN", type: 53 },
]);

/** All inputs. */
export const WINDOWS_SAMPLES: readonly WindowsSample[] = [
  adaptersSample("adapters of Wine", hex(WINE_ADAPTERS.hex), WINE_ADAPTERS.base),
  adaptersSample("adapters", OWN, BASE),
  {
    name: "routes of Wine",
    bytes: hex(WINE_ROUTES),
    decode: (bytes) => void decodeDefaultRoutes(bytes, () => {}),
  },
  {
    name: "a route",
    bytes: encodeRoute({ destination: "0.0.0.0", prefixLength: 0, index: 5, gateway: "192.0.2.1" }),
    decode: (bytes) => void decodeRoute(bytes),
  },
];

/** Mutates one of the inputs. Returns whether it was decoded; throws if a decoder throws anything but a DecodeError. */
export function mutateAndDecodeWindows(random: Random): boolean {
  const { bytes, decode, name } = random.pick(WINDOWS_SAMPLES);
  const mutated = mutate(bytes, random);
  return decodesOrRefuses(
    () => decode(mutated),
    () => `seed ${random.seed}, ${name}: ${mutated.toHex()}`,
  );
}
