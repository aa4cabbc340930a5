/**
 * The time of the simulated world: a monotonic, a wall and a boot clock, and everything that is due.
 *
 * @module
 */
import type { Clock, Timer } from "../../state/runtime.ts";

/** What the wall clock shows when a run begins. */
const EPOCH = 1_700_000_000_000;
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Whose a task is. A kernel task happens whatever the program does; a timer and an io task (the event
 * loop learns of something) wait while the event loop is blocked.
 */
export type TaskKind = "kernel" | "timer" | "io";

interface Task {
  readonly kind: TaskKind;
  readonly f: () => void;
  /** Milliseconds until it is due again; null: once. */
  readonly every: number | null;
  due: number;
  order: number;
}

/** Virtual clocks and timers: no time passes but what `advance()`, `block()` and `sleep()` make pass. */
export class VirtualClock implements Clock {
  /** Timers that were asked for with a time that the runtime's own would not keep. */
  readonly badTimers: number[] = [];
  readonly #tasks: Task[] = [];
  #monotonic = 0;
  #wall = EPOCH;
  #asleep = 0;
  #lastOrder = 0;

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** The clock that goes on while the machine sleeps. */
  bootTime(): number {
    return this.#monotonic + this.#asleep;
  }

  /** How many timers of the program run. */
  get timers(): number {
    return this.#tasks.filter((task) => task.kind === "timer").length;
  }

  setTimeout(f: () => void, ms: number): Timer {
    if (!(ms >= 0 && ms <= LONGEST_TIMER_MS)) this.badTimers.push(ms);
    return this.#start("timer", f, ms, null);
  }

  setInterval(f: () => void, ms: number): Timer {
    if (!(ms >= 1 && ms <= LONGEST_TIMER_MS)) this.badTimers.push(ms);
    return this.#start("timer", f, ms, ms);
  }

  /** Something of the world happens in so many milliseconds, unless the returned function is called. */
  later(kind: TaskKind, ms: number, f: () => void): () => void {
    const timer = this.#start(kind, f, ms, null);
    return () => timer.cancel();
  }

  /** Lets time pass; after each thing that happens, `settled` is awaited. */
  async advance(ms: number, settled: () => Promise<void>): Promise<void> {
    const end = this.#monotonic + ms;
    for (let task = this.#next(end); task !== null; task = this.#next(end)) {
      this.#move(Math.max(0, task.due - this.#monotonic));
      this.#fire(task);
      if (task.kind !== "kernel") await settled();
    }
    this.#move(Math.max(0, end - this.#monotonic));
  }

  /** The program computes for that long: nothing else happens meanwhile. */
  spend(ms: number): void {
    this.#move(ms);
  }

  /** The event loop is blocked: only the kernel goes on. Then what is overdue happens, timers first. */
  async block(ms: number, settled: () => Promise<void>): Promise<void> {
    const end = this.#monotonic + ms;
    for (let task = this.#next(end, ["kernel"]); task; task = this.#next(end, ["kernel"])) {
      this.#move(Math.max(0, task.due - this.#monotonic));
      this.#fire(task);
    }
    this.#move(end - this.#monotonic);
    for (const kind of ["timer", "io"] as const) {
      for (let task = this.#next(end, [kind]); task; task = this.#next(end, [kind])) {
        this.#fire(task);
        await settled();
      }
    }
  }

  /** The machine sleeps: the monotonic clock stands still. */
  sleep(ms: number): void {
    this.#asleep += ms;
    this.#wall += ms;
  }

  /** Somebody sets the time. */
  step(ms: number): void {
    this.#wall += ms;
  }

  #start(kind: TaskKind, f: () => void, ms: number, every: number | null): Timer {
    const due = this.#monotonic + ms;
    const task: Task = { kind, f, every, due, order: ++this.#lastOrder };
    this.#tasks.push(task);
    return { cancel: () => this.#remove(task), ref: () => {}, unref: () => {} };
  }

  #next(end: number, kinds?: readonly TaskKind[]): Task | null {
    let next: Task | null = null;
    for (const task of this.#tasks) {
      if (task.due > end || (kinds !== undefined && !kinds.includes(task.kind))) continue;
      const earlier = next === null || task.due < next.due ||
        (task.due === next.due && task.order < next.order);
      if (earlier) next = task;
    }
    return next;
  }

  #fire(task: Task): void {
    if (task.every === null) {
      this.#remove(task);
    } else {
      // as the runtime does: what was missed while the loop was blocked is not made up for
      task.due = this.#monotonic + task.every;
      task.order = ++this.#lastOrder;
    }
    task.f();
  }

  #remove(task: Task): void {
    const at = this.#tasks.indexOf(task);
    if (at >= 0) this.#tasks.splice(at, 1);
  }

  #move(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
  }
}

/** Lets everything happen that needs no time: a turn of the real event loop, before which all promises settle. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
