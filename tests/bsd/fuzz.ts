/**
 * The long mode of `tests/ffi/bsd_hostile_test.ts`: a million mutated inputs by default. Throws an error
 * that names the seed if a decoder throws anything but a DecodeError.
 *
 *     deno run --allow-read tests/bsd/fuzz.ts [COUNT] [FIRST_SEED]
 *
 * @module
 */
import { mutateAndDecode, OWN_SAMPLES, thirdPartySamples } from "../support/bsd_corpus.ts";
import { Random } from "../support/random.ts";

const [count = 1_000_000, first = 1] = Deno.args.map(Number);
const samples = [...OWN_SAMPLES, ...thirdPartySamples()];

const start = performance.now();
let decoded = 0;
for (let seed = first; seed < first + count; seed++) {
  if (mutateAndDecode(samples, new Random(seed))) decoded++;
}
const seconds = (performance.now() - start) / 1000;
console.log(
  `${count} mutated inputs of ${samples.length} samples, seeds ${first} to ${first + count - 1}: ` +
    `${decoded} decoded, ${count - decoded} refused, in ${seconds.toFixed(1)} s`,
);
