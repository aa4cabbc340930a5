/**
 * The BSD decoders on input that no kernel would send, or only one of the future.
 *
 * @module
 */
import { assert } from "@std/assert";
import { decodeEvent } from "../../ffi/bsd/classify.ts";
import { forEachMessage } from "../../ffi/bsd/route_message.ts";
import { legibleMessage } from "../support/bsd.ts";
import {
  OWN_SAMPLES,
  type Sample,
  spoilAndDecode,
  survives,
  thirdPartySamples,
} from "../support/bsd_corpus.ts";
import { decodesOrRefuses, guarded } from "../support/netlink.ts";
import { Random } from "../support/random.ts";

/** Of each corpus; `tests/bsd/fuzz.ts` does more. */
const MUTATIONS = 20_000;

Deno.test("the BSD decoders refuse input cut anywhere with DecodeError, or read what is left", () => {
  cutEverywhere(OWN_SAMPLES);
});

Deno.test("the BSD decoders understand mutated input or refuse it with DecodeError", () => {
  mutateOften(OWN_SAMPLES);
});

Deno.test("the BSD decoders end, whatever a message says of its length", () => {
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

Deno.test("no BSD decoder reads beyond the bytes that it was given", () => {
  for (const { bytes, layout, name } of OWN_SAMPLES) {
    const cutMessages = () =>
      forEachMessage(bytes, (message) => {
        for (let length = 4; length <= message.bytes.length; length++) {
          const cut = { ...message, bytes: guarded(message.bytes.slice(0, length)) };
          decodesOrRefuses(() => legibleMessage(cut, layout), () => `${name} cut at ${length}`);
          decodesOrRefuses(() => decodeEvent(cut, layout), () => `${name} cut at ${length}`);
        }
      });
    // Sockaddrs without a header are no messages.
    decodesOrRefuses(cutMessages, () => name);
  }
});

const thirdParty = thirdPartySamples();

if (thirdParty.length > 0) {
  Deno.test("third-party captures cut anywhere are refused with DecodeError, or what is left is read", () => {
    cutEverywhere(thirdParty);
  });

  Deno.test("third-party captures mutated are understood or refused with DecodeError", () => {
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
  let understood = 0;
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    if (spoilAndDecode(samples, new Random(seed))) understood++;
  }
  // Both ways must be taken, or the mutations are too wild or too tame to find anything.
  assert(understood > MUTATIONS / 10 && understood < MUTATIONS * 0.95, `${understood} understood`);
}
