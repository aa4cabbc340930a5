import { assertEquals } from "@std/assert";
import { step } from "../../actor/machine/step.ts";
import { type Effect, type Input, Model, type Observation } from "../../actor/machine/model.ts";
import { buildState } from "../../state/build.ts";
import { nic, reading } from "../support/states.ts";
import { START } from "./support.ts";

/** A machine and its inputs. */
class Machine {
  readonly config;
  model: Model;
  monotonic = 0;

  constructor(polling = false) {
    this.config = {
      source: "scripted",
      polling,
      reason: null,
      coalesceMs: 250,
      reconcileIntervalMs: 15_000,
    };
    this.model = new Model(this.config, this.now);
  }

  get now(): { wall: number; monotonic: number } {
    return { wall: START + this.monotonic, monotonic: this.monotonic };
  }

  /** The effects of the inputs. */
  feed(...inputs: Input[]): Effect[] {
    return inputs.flatMap((input) => {
      const next = step(this.model, input, this.now);
      this.model = next;
      return next.effects;
    });
  }

  /** Opens it with this first state, after a read of so many milliseconds; its subscription gets the id 1. */
  open(first: Observation, readMs = 0): void {
    this.feed({ kind: "open" }, { kind: "subscribed", id: 1 });
    this.monotonic += readMs;
    this.feed(
      { kind: "read", id: this.model.reading!.id, outcome: { ok: true, value: first } },
      { kind: "viewed", id: 1, state: first.state },
    );
  }
}

function observe(...addresses: string[]): Observation {
  const given = reading({ interfaces: [nic("eth0", { addresses })] });
  return { reading: given, state: buildState(given, null) };
}

function changed(id: number): Input {
  return { kind: "event", id, event: { kind: "changed" } };
}

Deno.test("step() arms one timer for a window, and again for the rest when that fires early", () => {
  const machine = new Machine();
  machine.open(observe("192.0.2.1/24"));
  machine.monotonic = 10;
  assertEquals(machine.feed(changed(1)), [{ kind: "arm", timer: "window", ms: 240 }]);
  assertEquals(machine.feed(changed(1)), []);
  assertEquals(machine.model.causes, ["event"]); // once, however many events come in a storm
  machine.monotonic = 249.5;
  assertEquals(machine.feed({ kind: "timer", timer: "window" }), [
    { kind: "arm", timer: "window", ms: 0.5 },
  ]);
  machine.monotonic = 250;
  assertEquals(machine.feed({ kind: "timer", timer: "window" }), [
    { kind: "view", id: 1 },
  ]);
});

Deno.test("step() arms the timer of a paced read once, and again for the rest when that fires early", () => {
  const machine = new Machine();
  machine.open(observe("192.0.2.1/24"), 10);
  machine.monotonic = 15;
  const overflow: Input = { kind: "event", id: 1, event: { kind: "overflow" } };
  // twice the time of the last read before the next publication
  assertEquals(machine.feed(overflow), [{ kind: "arm", timer: "read", ms: 225 }]);
  assertEquals(machine.feed(overflow), []);
  machine.monotonic = 239.5;
  assertEquals(machine.feed({ kind: "timer", timer: "read" }), [
    { kind: "arm", timer: "read", ms: 0.5 },
  ]);
  machine.monotonic = 240;
  const [read] = machine.feed({ kind: "timer", timer: "read" });
  assertEquals(read?.kind, "read");
});

Deno.test("step() reads at most every half window after overflows that changed nothing", () => {
  const machine = new Machine();
  const first = observe("192.0.2.1/24");
  machine.open(first, 10);
  machine.monotonic = 1_000;
  const overflow: Input = { kind: "event", id: 1, event: { kind: "overflow" } };
  const [read] = machine.feed(overflow);
  assertEquals(read?.kind, "read"); // at once
  machine.monotonic = 1_010;
  const { id } = machine.model.reading!;
  machine.feed({ kind: "read", id, outcome: { ok: true, value: first } });
  machine.feed({ kind: "viewed", id: 1, state: first.state });
  assertEquals(machine.feed(overflow), [{ kind: "arm", timer: "read", ms: 125 }]);
});

Deno.test("step() bounds only the reads of reconcile by its interval", () => {
  const machine = new Machine();
  machine.config.reconcileIntervalMs = 1_000;
  const limits = (...inputs: Input[]): number[] =>
    machine.feed(...inputs).flatMap((effect) => effect.kind === "read" ? [effect.limitMs] : []);
  const first = observe("192.0.2.1/24");
  const answer = (): void => {
    const { id } = machine.model.reading!;
    machine.feed({ kind: "read", id, outcome: { ok: true, value: first } }, {
      kind: "viewed",
      id: 1,
      state: first.state,
    });
  };
  assertEquals(limits({ kind: "open" }, { kind: "subscribed", id: 1 }), [5_000]);
  answer();
  assertEquals(limits({ kind: "refresh", token: 1 }), [5_000]);
  answer();
  assertEquals(limits({ kind: "tick" }), [1_000]);
  answer();
  assertEquals(limits({ kind: "event", id: 1, event: { kind: "overflow" } }), [5_000]);
});

Deno.test("step() ignores the events of another subscription than the current one", () => {
  const machine = new Machine();
  machine.open(observe("192.0.2.1/24"));
  assertEquals(machine.feed(changed(2)), []);
  assertEquals(machine.model.metrics.events, 0);
});

Deno.test("step() publishes what a differing round drained, without waiting for the last round", () => {
  const machine = new Machine();
  machine.open(observe("192.0.2.1/24"));
  machine.monotonic = 15_000;
  machine.feed({ kind: "tick" });
  const kernel = observe("192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24");
  const view = observe("192.0.2.1/24", "192.0.2.2/24");
  const effects = machine.feed(
    { kind: "read", id: machine.model.reading!.id, outcome: { ok: true, value: kernel } },
    { kind: "viewed", id: 1, state: view.state },
  );
  const kinds = effects.map((effect) => effect.kind);
  assertEquals(kinds, ["view", "publish", "arm"]);
  const publish = effects.find((effect) => effect.kind === "publish")!.publication;
  assertEquals([publish.state, publish.causes], [view.state, ["event"]]); // its message has come
});

Deno.test("step() of a polling source publishes what reconcile found, without a second round", () => {
  const machine = new Machine(true);
  machine.open(observe("192.0.2.1/24"));
  machine.monotonic = 15_000;
  machine.feed({ kind: "tick" });
  const [kernel, view] = [observe("192.0.2.2/24"), observe("192.0.2.3/24")];
  const effects = machine.feed(
    { kind: "read", id: machine.model.reading!.id, outcome: { ok: true, value: kernel } },
    { kind: "viewed", id: 1, state: view.state },
  );
  assertEquals(effects.map((effect) => effect.kind), ["view", "disarm", "publish"]);
  const publish = effects.find((effect) => effect.kind === "publish");
  assertEquals(publish?.publication.causes, ["reconcile"]);
});

Deno.test("step() keeps the causes of a window whose change a reconcile does not see", () => {
  const machine = new Machine();
  const first = observe("192.0.2.1/24");
  machine.open(first);
  machine.monotonic = 100;
  machine.feed(changed(1), { kind: "tick" });
  const { id } = machine.model.reading!;
  machine.feed(
    { kind: "read", id, outcome: { ok: true, value: first } },
    { kind: "viewed", id: 1, state: first.state },
  );
  machine.monotonic = 250;
  const effects = machine.feed(
    { kind: "timer", timer: "window" },
    { kind: "viewed", id: 1, state: observe("192.0.2.2/24").state },
  );
  const publish = effects.find((effect) => effect.kind === "publish");
  assertEquals(publish?.publication.causes, ["event"]);
});

Deno.test("step() stops the timer of a window when a read is published first", () => {
  const machine = new Machine();
  machine.open(observe("192.0.2.1/24"));
  machine.monotonic = 100;
  machine.feed(changed(1), { kind: "refresh", token: 1 });
  const next = observe("192.0.2.2/24");
  machine.monotonic = 250; // the timer is late
  const effects = machine.feed(
    { kind: "read", id: machine.model.reading!.id, outcome: { ok: true, value: next } },
    { kind: "viewed", id: 1, state: next.state },
  );
  const timers = effects.filter((effect) => "timer" in effect && effect.timer === "window");
  assertEquals(timers, [{ kind: "disarm", timer: "window" }]);
});

Deno.test("step() settles a refresh() once and forgets it", () => {
  const machine = new Machine();
  machine.open(observe("192.0.2.1/24"));
  machine.monotonic = 250;
  machine.feed({ kind: "refresh", token: 1 });
  const next = observe("192.0.2.2/24");
  const effects = machine.feed(
    { kind: "read", id: machine.model.reading!.id, outcome: { ok: true, value: next } },
    { kind: "viewed", id: 1, state: next.state },
  );
  const settled = effects.filter(({ kind }) => kind === "settle");
  assertEquals(settled, [{ kind: "settle", tokens: [1] }]);
  assertEquals(machine.model.awaiting, []);
});

Deno.test("step() reads again after a read that a publication overtook, once the socket is lost", () => {
  const machine = new Machine();
  machine.open(observe("192.0.2.1/24"));
  machine.monotonic = 200;
  machine.feed(changed(1), { kind: "tick" });
  const { id } = machine.model.reading!;
  machine.monotonic = 250;
  machine.feed(
    { kind: "timer", timer: "window" },
    { kind: "viewed", id: 1, state: observe("192.0.2.2/24").state },
    { kind: "lost", id: 1, error: new Error("gone") },
  );
  machine.monotonic = 500;
  const older = observe("192.0.2.1/24");
  const effects = machine.feed({ kind: "read", id, outcome: { ok: true, value: older } });
  assertEquals(effects.filter(({ kind }) => kind === "publish"), []);
  assertEquals(machine.model.nextRead?.check ?? machine.model.reading?.check, true);
});

Deno.test("step() of a source without a table reads for an event that waited while a read was published", () => {
  const machine = new Machine();
  machine.open(observe("192.0.2.1/24"));
  machine.monotonic = 1_000;
  machine.feed(changed(1));
  machine.monotonic = 1_200; // this view took 200 ms, so the next one has to wait
  machine.feed({ kind: "viewed", id: 1, state: null });
  const { id } = machine.model.reading!;
  machine.monotonic = 1_250;
  machine.feed(changed(1));
  const effects = machine.feed(
    { kind: "read", id, outcome: { ok: true, value: observe("192.0.2.2/24") } },
    { kind: "viewed", id: 1, state: null },
  );
  assertEquals(machine.model.metrics.published, 2);
  const timers = effects.filter((effect) => "timer" in effect && effect.timer === "window");
  assertEquals(timers.map(({ kind }) => kind), ["disarm", "arm"]);
});
