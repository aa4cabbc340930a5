/**
 * Hostile memory: the decoders of Windows refuse it with a DecodeError, or skip what they cannot decode.
 *
 * @module
 */
import { assert } from "@std/assert";
import { decodesOrRefuses } from "../support/netlink.ts";
import { forSeeds } from "../support/random.ts";
import { mutateAndDecodeWindows, WINDOWS_SAMPLES } from "../support/windows_corpus.ts";

for (const { bytes, decode, name } of WINDOWS_SAMPLES) {
  Deno.test(`${name} cut anywhere: refused or decoded`, () => {
    for (let length = 0; length <= bytes.length; length++) {
      const cut = bytes.slice(0, length);
      decodesOrRefuses(() => decode(cut), () => `cut at ${length}`);
    }
  });
}

Deno.test("10,000 mutations are refused or decoded", () => {
  let decoded = 0;
  const runs = 10_000;
  forSeeds({ runs, seed: 1 }, (random) => {
    if (mutateAndDecodeWindows(random)) decoded++;
  });
  assert(decoded > runs / 10 && decoded < runs, `${decoded} decoded`);
});
