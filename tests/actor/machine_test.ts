import { assertEquals } from "@std/assert";
import { step } from "../../actor/machine/step.ts";
import {
  createModel,
  type Effect,
  type Input,
  type Model,
  type Seen,
} from "../../actor/machine/model.ts";
import { buildState } from "../../state/build.ts";
import { nic, reading } from "../support/states.ts";
import { START } from "./support.ts";

/** A machine that is fed by hand. */
class Machine {
  model: Model;
  monotonic = 0;

  constructor(polling = false) {
    const config = { source: "scripted", polling, reason: null, coalesceMs: 250 };
    this.model = createModel(config, this.now);
  }

  get now(): { wall: number; monotonic: number } {
    return { wall: START + this.monotonic, monotonic: this.monotonic };
  }

  /** What it wants done upon the inputs. */
  feed(...inputs: Input[]): Effect[] {
    return inputs.flatMap((input) => {
      const [model, effects] = step(this.model, input, this.now);
      this.model = model;
      return effects;
    });
  }

  /** Opens it with this first state. */
  open(first: Seen): void {
    this.feed({ kind: "open" }, { kind: "subscribed", id: 1 });
    const read = this.model.reading!;
    this.feed(
      { kind: "read", id: read.id, seen: first },
      { kind: "viewed", id: 1, use: { for: "read", seen: first, read }, seen: first },
    );
  }
}

function seen(...addresses: string[]): Seen {
  const given = reading({ interfaces: [nic("eth0", { addresses })] });
  return { reading: given, state: buildState(given, null) };
}

function heard(id: number): Input {
  return { kind: "heard", id, event: { kind: "changed" } };
}

Deno.test("step() arms one timer for a window, and again for the rest when that fires early", () => {
  const machine = new Machine();
  machine.open(seen("192.0.2.1/24"));
  machine.monotonic = 10;
  assertEquals(machine.feed(heard(1)), [{ kind: "arm", timer: "window", ms: 240 }]);
  assertEquals(machine.feed(heard(1)), []);
  machine.monotonic = 249.5;
  assertEquals(machine.feed({ kind: "timer", timer: "window" }), [
    { kind: "arm", timer: "window", ms: 0.5 },
  ]);
  machine.monotonic = 250;
  assertEquals(machine.feed({ kind: "timer", timer: "window" }), [
    { kind: "view", id: 1, use: { for: "publication" } },
  ]);
});

Deno.test("step() hears nothing from another subscription than the current one", () => {
  const machine = new Machine();
  machine.open(seen("192.0.2.1/24"));
  assertEquals(machine.feed(heard(2)), []);
  assertEquals(machine.model.metrics.events, 0);
});

Deno.test("step() publishes what a differing look drained, without waiting for the last look", () => {
  const machine = new Machine();
  machine.open(seen("192.0.2.1/24"));
  machine.monotonic = 15_000;
  machine.feed({ kind: "tick" });
  const read = machine.model.reading!;
  const truth = seen("192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24");
  const view = seen("192.0.2.1/24", "192.0.2.2/24");
  const effects = machine.feed(
    { kind: "read", id: read.id, seen: truth },
    { kind: "viewed", id: 1, use: { for: "check", seen: truth, read }, seen: view },
  );
  const kinds = effects.map((effect) => effect.kind);
  assertEquals(kinds, ["view", "publish", "arm"]);
  assertEquals(machine.model.published, view.state);
});

Deno.test("step() of a polling source publishes what reconcile found, without a second look", () => {
  const machine = new Machine(true);
  machine.open(seen("192.0.2.1/24"));
  machine.monotonic = 15_000;
  machine.feed({ kind: "tick" });
  const read = machine.model.reading!;
  const [truth, view] = [seen("192.0.2.2/24"), seen("192.0.2.3/24")];
  const effects = machine.feed(
    { kind: "read", id: read.id, seen: truth },
    { kind: "viewed", id: 1, use: { for: "check", seen: truth, read }, seen: view },
  );
  assertEquals(effects.map((effect) => effect.kind), ["view", "disarm", "publish"]);
  const publish = effects.find((effect) => effect.kind === "publish");
  assertEquals(publish?.publication.causes, ["reconcile"]);
});
