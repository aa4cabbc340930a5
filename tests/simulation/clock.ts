/**
 * The clocks of the simulated world, and the tasks that are due.
 *
 * @module
 */
import type { Clock, Timer } from "../../state/ports.ts";

/** The wall clock when a run begins. */
const EPOCH = 1_700_000_000_000;
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Who runs a task. The kernel runs its own tasks at any time; timers and I/O callbacks of the program wait while
 * the event loop is blocked.
 */
export type TaskKind = "kernel" | "timer" | "io";

interface Task {
  readonly kind: TaskKind;
  readonly f: () => void;
  /** Milliseconds between two runs; null for a single one. */
  readonly every: number | null;
  due: number;
  order: number;
  /** Whether it keeps the process alive. */
  refd: boolean;
}

/** Virtual clocks and timers. Time passes only in `advance()`, `block()`, `spend()` and `sleep()`. */
export class VirtualClock implements Clock {
  /** Requested delays that a timer of the runtime could not keep. */
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

  /** The clock that counts sleep. */
  bootTime(): number {
    return this.#monotonic + this.#asleep;
  }

  /** The number of running timers of the program. */
  get timers(): number {
    return this.#tasks.filter((task) => task.kind === "timer").length;
  }

  /** Whether all timers of the program keep the process alive; with `refd` false, whether none does. */
  areRefd(refd: boolean): boolean {
    return this.#tasks.every((task) => task.kind !== "timer" || task.refd === refd);
  }

  setTimeout(f: () => void, ms: number): Timer {
    if (!(ms >= 0 && ms <= LONGEST_TIMER_MS)) this.badTimers.push(ms);
    return this.#start("timer", f, ms, null);
  }

  setInterval(f: () => void, ms: number): Timer {
    if (!(ms >= 1 && ms <= LONGEST_TIMER_MS)) this.badTimers.push(ms);
    return this.#start("timer", f, ms, ms);
  }

  /** Schedules a task. Returns a function that cancels it. */
  later(kind: TaskKind, ms: number, f: () => void): () => void {
    const timer = this.#start(kind, f, ms, null);
    return () => timer.cancel();
  }

  /** Lets time pass. Awaits `settled` after each task of the program. */
  async advance(ms: number, settled: () => Promise<void>): Promise<void> {
    const end = this.#monotonic + ms;
    for (let task = this.#next(end); task !== null; task = this.#next(end)) {
      this.#move(Math.max(0, task.due - this.#monotonic));
      this.#fire(task);
      if (task.kind !== "kernel") await settled();
    }
    this.#move(Math.max(0, end - this.#monotonic));
  }

  /** The program computes: time passes, and no task runs. */
  spend(ms: number): void {
    this.#move(ms);
  }

  /** Blocks the event loop: only the kernel's tasks run. Then overdue timers fire, and after them I/O callbacks. */
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

  /** The machine sleeps: the monotonic clock stops. */
  sleep(ms: number): void {
    this.#asleep += ms;
    this.#wall += ms;
  }

  /** Steps the wall clock. */
  step(ms: number): void {
    this.#wall += ms;
  }

  #start(kind: TaskKind, f: () => void, ms: number, every: number | null): Timer {
    const due = this.#monotonic + ms;
    const task: Task = { kind, f, every, due, order: ++this.#lastOrder, refd: true };
    this.#tasks.push(task);
    return {
      cancel: () => this.#remove(task),
      ref: () => void (task.refd = true),
      unref: () => void (task.refd = false),
    };
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
      // as the runtime does: intervals missed while the loop was blocked are dropped
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

/** Waits for a turn of the real event loop, before which all promises settle. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
