/**
 * Runs one scenario inside its namespaces: figures go to standard output, one line of JSON each, progress to
 * standard error. Ends when its standard input ends, which is when the suite is gone.
 *
 *     inside.ts SCENARIO REQUEST_AS_JSON
 *
 * @module
 */
import { setPriority } from "node:os";
import { Bench } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";

const [name, request] = Deno.args;
const scenario = SCENARIOS.find((it) => it.name === name)!;

(async () => {
  for await (const _ of Deno.stdin.readable);
  Deno.exit(1);
})();

raisePriority();
const bench = new Bench(
  JSON.parse(request!),
  (figure) => console.log(JSON.stringify(figure)),
  (text) => console.error(text),
);
try {
  await scenario.run(bench);
} catch (error) {
  console.error(String(error)); // its last line is the reason
  Deno.exit(1);
}
Deno.exit();

/** As root, reduces the influence of other load: the kernel shares the cores among sessions (sched(7)). */
function raisePriority(): void {
  try {
    setPriority(-20);
    Deno.writeTextFileSync("/proc/self/autogroup", "-20");
  } catch {
    // not root, or a kernel without autogroups
  }
}
