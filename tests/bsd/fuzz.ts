/**
 * The long mode of `tests/ffi/bsd_hostile_test.ts`: a million mutated inputs unless told otherwise. Ends
 * with an exception that names the seed when a decoder throws anything but a DecodeError.
 *
 *     deno run --allow-read tests/bsd/fuzz.ts [COUNT] [FIRST_SEED]
 *
 * @module
 */
import { OWN_SAMPLES, spoilAndDecode, thirdPartySamples } from "../support/bsd_corpus.ts";
import { Random } from "../support/random.ts";

const [count = 1_000_000, first = 1] = Deno.args.map(Number);
const samples = [...OWN_SAMPLES, ...thirdPartySamples()];

const start = performance.now();
let understood = 0;
for (let seed = first; seed < first + count; seed++) {
  if (spoilAndDecode(samples, new Random(seed))) understood++;
}
const seconds = (performance.now() - start) / 1000;
console.log(
  `${count} mutated inputs of ${samples.length} samples, seeds ${first} to ${first + count - 1}: ` +
    `${understood} understood, ${count - understood} refused, in ${seconds.toFixed(1)} s`,
);
