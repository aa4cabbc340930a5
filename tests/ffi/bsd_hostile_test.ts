/**
 * The BSD decoders on input that no kernel of today sends.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { findDefaultRoutes } from "../../ffi/bsd/dump.ts";
import { decodeEvent, forEachMessage } from "../../ffi/bsd/messages.ts";
import { legibleMessage } from "../support/bsd.ts";
import {
  mutateAndDecode,
  OWN_SAMPLES,
  type Sample,
  survives,
  thirdPartySamples,
} from "../support/bsd_corpus.ts";
import { decodesOrRefuses, guarded } from "../support/netlink.ts";
import { Random } from "../support/random.ts";
import { nic } from "../support/states.ts";

/** For each corpus; `tests/fuzz.ts` runs more. */
const MUTATIONS = 20_000;

Deno.test("the BSD decoders decode input that is cut anywhere, or throw DecodeError", () => {
  cutEverywhere(OWN_SAMPLES);
});

Deno.test("the BSD decoders decode mutated input, or throw DecodeError", () => {
  mutateOften(OWN_SAMPLES);
});

Deno.test("the BSD decoders end, whatever length a message claims", () => {
  for (const sample of OWN_SAMPLES) {
    for (
      const length of [0, 1, 3, 4, 5, sample.bytes.length - 1, sample.bytes.length + 1, 0xffff]
    ) {
      const bytes = sample.bytes.slice();
      bytes.set([length & 0xff, length >> 8]);
      survives(sample, bytes, `length ${length}`);
    }
  }
});

Deno.test("no BSD decoder reads beyond its input", () => {
  for (const { bytes, layout, name } of OWN_SAMPLES) {
    const cutMessages = () =>
      forEachMessage(bytes, (message) => {
        for (let length = 4; length <= message.length; length++) {
          const cut = guarded(message.slice(0, length));
          decodesOrRefuses(() => legibleMessage(cut, layout), () => `${name} cut at ${length}`);
          decodesOrRefuses(() => decodeEvent(cut, layout), () => `${name} cut at ${length}`);
        }
      });
    // Sockaddrs without a header are no messages.
    decodesOrRefuses(cutMessages, () => name);
  }
});

Deno.test("findDefaultRoutes() takes any number of default routes", () => {
  const route = {
    family: "IPv4",
    destination: new Uint8Array(4),
    prefixLength: 0,
    gateway: null,
    index: 2,
    flags: 0x1,
    source: null,
  } as const;
  const routes = Array.from({ length: 200_000 }, () => route);
  const { ipv4, ipv6 } = findDefaultRoutes(routes, [nic("en0", { index: 2 })], 0);
  assertEquals([ipv4?.interface, ipv6], ["en0", null]);
});

const thirdParty = thirdPartySamples();

if (thirdParty.length > 0) {
  Deno.test("third-party captures that are cut anywhere decode, or throw DecodeError", () => {
    cutEverywhere(thirdParty);
  });

  Deno.test("mutated third-party captures decode, or throw DecodeError", () => {
    mutateOften(thirdParty);
  });
}

function cutEverywhere(samples: readonly Sample[]): void {
  for (const sample of samples) {
    for (let length = 0; length < sample.bytes.length; length++) {
      survives(sample, sample.bytes.subarray(0, length), `cut at ${length}`);
    }
  }
}

function mutateOften(samples: readonly Sample[]): void {
  let decoded = 0;
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    if (mutateAndDecode(samples, new Random(seed))) decoded++;
  }
  // With too wild or too tame mutations nearly all would be refused or decoded.
  assert(decoded > MUTATIONS / 10 && decoded < MUTATIONS * 0.95, `${decoded} decoded`);
}
