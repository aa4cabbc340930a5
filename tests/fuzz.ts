/**
 * The long mode of the hostile-input tests: a million mutated inputs of each system. A decoder that throws
 * anything but a DecodeError ends it with the seed that repeats the failure.
 *
 *     deno task fuzz [COUNT] [FIRST_SEED]
 *
 * @module
 */
import { LINUX_FIXTURES } from "./fixtures/linux.ts";
import { mutateAndDecode, OWN_SAMPLES, thirdPartySamples } from "./support/bsd_corpus.ts";
import { decodeDatagram, decodesOrRefuses, hex, mutate } from "./support/netlink.ts";
import { Random } from "./support/random.ts";
import { mutateAndDecodeWindows } from "./support/windows_corpus.ts";

const [count = 1_000_000, first = 1] = Deno.args.map(Number);
if (![count, first].every((number) => Number.isSafeInteger(number) && number > 0)) {
  throw new TypeError("Usage: deno task fuzz [COUNT] [FIRST_SEED]");
}
const bsdSamples = [...OWN_SAMPLES, ...thirdPartySamples()];
const linuxSamples = LINUX_FIXTURES.map((fixture) => hex(fixture.hex));

fuzz("BSD messages", (random) => mutateAndDecode(bsdSamples, random));
fuzz("Windows structures", mutateAndDecodeWindows);
fuzz("netlink datagrams", (random) => {
  const datagram = mutate(random.pick(linuxSamples), random);
  return decodesOrRefuses(
    () => decodeDatagram(datagram),
    () => `seed ${random.seed}: ${datagram.toHex()}`,
  );
});

function fuzz(what: string, decodes: (random: Random) => boolean): void {
  const start = performance.now();
  let decoded = 0;
  for (let seed = first; seed < first + count; seed++) if (decodes(new Random(seed))) decoded++;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${what}: ${count} mutated, seeds ${first} to ${first + count - 1}: ` +
      `${decoded} decoded, ${count - decoded} refused, in ${seconds} s`,
  );
}
