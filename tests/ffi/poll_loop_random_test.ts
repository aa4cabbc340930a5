/**
 * The poll loop on virtual time, while its users and the kernel do everything that they may, in random order. It
 * resolves each `ready()` that is due, calls each timer, and never polls a closed descriptor.
 *
 * @module
 */
import { assert } from "@std/assert";
import { POLLIN, PollLoop, type PollPort, type Watch } from "../../ffi/poll_loop.ts";
import type { Timer } from "../../state/ports.ts";
import { Random } from "../support/random.ts";
import { replay, testRuns, testSeed } from "../support/seed.ts";
import { SimulatedWaits } from "../support/simulated_time.ts";

/** Seeds of one run: a fraction of a second. `NETWATCH_SEED` and `NETWATCH_RUNS` look further. */
const RUNS = 100;
const STEPS = 60;
const WAKE_DESCRIPTOR = 99;
/** A poll that something keeps alive takes at most so long, in milliseconds. */
const LONGEST_WAIT_MS = 20_000;
/** A slice of a poll that nothing keeps alive, in milliseconds. */
const UNREF_SLICE_MS = 100;
/** Longer than a pause in a storm and than four failures, in milliseconds. */
const SETTLE_MS = 300;
const LONGEST_PAUSE_MS = 50;
/** Polls that one settling takes at most, failures included. */
const MAX_POLLS = 40;

interface Call {
  readonly set: DataView;
  readonly descriptors: readonly number[];
  readonly end: number;
  readonly timeoutMs: number;
  readonly resolve: (count: number) => void;
}

interface Socket {
  readonly descriptor: number;
  readonly watch: Watch;
  ref: boolean;
  readable: boolean;
  woken: boolean; // wake() was called and no ready() has taken it
  pending: boolean;
  told: number; // how often ready() resolved
  wakes: number; // how often wake() was called that no 0 answers yet
  closing: boolean;
  closed: boolean;
}

interface Alarm {
  readonly timer: Timer;
  readonly everyMs: number | null;
  at: number;
  ref: boolean;
  cancelled: boolean;
}

/** The kernel, the users of the loop, and virtual time. */
class World implements PollPort {
  readonly wakeDescriptor = WAKE_DESCRIPTOR;
  now = 1_000;
  polls = 0;
  call: Call | null = null;
  #wakeReadable = false;
  #interrupted = false;
  #failing = 0;
  #lastDescriptor = 0;
  readonly #random: Random;
  readonly #sockets: Socket[] = [];
  readonly #alarms: Alarm[] = [];
  readonly #timeouts = new Map<number, { at: number; call: () => void }>();
  #lastTimeout = 1e9;
  readonly loop = new PollLoop(this);

  constructor(random: Random) {
    this.#random = random;
  }

  poll(set: Int32Array<ArrayBuffer>, count: number, timeoutMs: number): Promise<number> {
    assert(this.call === null, "two polls at a time");
    const alarms = this.#alarms.filter((it) => !it.cancelled);
    const isRefd = this.#sockets.some((it) => !it.closing && it.ref) ||
      alarms.some(({ ref }) => ref);
    const next = Math.min(...alarms.map(({ at }) => at)) - this.now;
    const longest = Math.max(0, Math.min(next, isRefd ? LONGEST_WAIT_MS : UNREF_SLICE_MS));
    assert(timeoutMs === longest, `a timeout of ${timeoutMs} instead of ${longest} ms`);
    const view = new DataView(set.buffer);
    const descriptors = Array.from({ length: count }, (_, i) => view.getInt32(i * 8, true));
    this.polls++;
    this.#interrupted = false;
    return new Promise((resolve) => {
      this.call = { set: view, descriptors, end: this.now + timeoutMs, timeoutMs, resolve };
    });
  }

  wake(): void {
    assert(!this.#interrupted, "one poll is woken twice");
    this.#interrupted = true;
    this.#wakeReadable = true;
  }

  clearWakeUp(): void {
    this.#wakeReadable = false;
  }

  /** A timer of the runtime: of a pause, or the guard of the timers. */
  setTimeout(call: () => void, ms: number): number {
    assert(ms >= 0 && ms < 2 ** 31, `a timeout of ${ms} ms`);
    this.#timeouts.set(++this.#lastTimeout, { at: this.now + ms, call });
    return this.#lastTimeout;
  }

  /** Cancels a timer of the runtime. */
  clearTimeout(id: number): void {
    this.#timeouts.delete(id);
  }

  /** Whether the loop pauses between two polls. */
  get #isPausing(): boolean {
    return [...this.#timeouts.values()].some(({ at }) => at <= this.now + LONGEST_PAUSE_MS);
  }

  /** The poll returns if it has a reason to, or fails. */
  kernel(): void {
    const { call } = this;
    if (call === null) return;
    const closed = this.#sockets.filter((it) => it.closed).map(({ descriptor }) => descriptor);
    assert(!call.descriptors.some((it) => closed.includes(it)), "a closed descriptor is polled");
    if (this.#failing > 0) {
      this.#failing--;
      this.call = null;
      return call.resolve(-1);
    }
    const ready = call.descriptors.map((descriptor) =>
      descriptor === WAKE_DESCRIPTOR
        ? this.#wakeReadable
        : this.#sockets.some((it) => it.descriptor === descriptor && it.readable)
    );
    const count = ready.filter(Boolean).length;
    if (count === 0 && this.now < call.end) return;
    ready.forEach((is, i) => call.set.setInt16(i * 8 + 6, is ? POLLIN : 0, true));
    this.call = null;
    call.resolve(count);
  }

  /** Time passes, to the next timeout of the runtime and no further than this. */
  advance(ms: number): void {
    const first = Math.min(...Array.from(this.#timeouts.values(), ({ at }) => at));
    this.now += Math.min(ms, Math.max(1, first - this.now));
    for (const [id, { at, call }] of [...this.#timeouts]) {
      if (at <= this.now && this.#timeouts.delete(id)) call();
    }
  }

  /** Does one thing at random. */
  async step(): Promise<void> {
    const random = this.#random;
    const open = this.#sockets.filter((it) => !it.closing);
    const socket = open.length > 0 ? random.pick(open) : null;
    const alarms = this.#alarms.filter((it) => !it.cancelled);
    const alarm = alarms.length > 0 ? random.pick(alarms) : null;
    switch (random.below(18)) {
      case 0:
        if (open.length < 6) this.#open();
        break;
      case 1:
      case 2:
      case 3:
        if (socket !== null) this.#ready(socket);
        break;
      case 4:
        if (socket !== null) this.#wake(socket);
        break;
      case 5:
      case 6:
        if (socket !== null) socket.readable = true;
        break;
      case 7:
        if (random.chance(0.1)) { for (const it of open) this.#close(it); }
        else if (socket !== null && random.chance(0.5)) this.#close(socket);
        break;
      case 8:
        if (socket !== null) this.#setRef(socket, random.chance(0.5));
        break;
      case 9:
        if (alarms.length < 4) this.#setAlarm();
        break;
      case 10:
        if (alarm === null) break;
        alarm.cancelled = true;
        alarm.timer.cancel();
        break;
      case 11:
        if (alarm === null) break;
        alarm.ref = random.chance(0.5);
        if (alarm.ref) alarm.timer.ref();
        else alarm.timer.unref();
        break;
      case 12:
        if (random.chance(0.3)) this.#failing = random.between(1, 6);
        break;
      case 13:
        this.advance(random.pick([1, 5, 30, 100, 1_000, 25_000]));
        break;
      default:
        this.kernel();
    }
    for (let turns = random.pick([0, 1, 3, 10, 40, 100]); turns > 0; turns--) await null;
  }

  /** Whatever is owed is delivered within bounded polls and time; then the loop is quiet. */
  async settle(): Promise<void> {
    this.#failing = Math.min(this.#failing, 2);
    const [polls, until] = [this.polls, this.now + SETTLE_MS];
    const told = this.#sockets.map((it) => it.told);
    do {
      await turns();
      this.kernel();
      await turns();
      this.advance(10);
    } while (this.now < until);
    await turns();
    assert(this.polls - polls <= MAX_POLLS, `${this.polls - polls} polls in ${SETTLE_MS} ms`);
    for (const [i, it] of this.#sockets.entries()) {
      const { closed, closing, pending, readable, woken } = it;
      const isTold = it.told > (told[i] ?? 0); // it may have asked again without draining
      if (closing) assert(closed && !pending, "close() does not end, or leaves a ready()");
      else if (!isTold) assert(!(pending && readable), `${it.descriptor} is ready and not told`);
      assert(closing || !(pending && woken), `descriptor ${it.descriptor} was woken and not told`);
    }
    for (const { at, cancelled } of this.#alarms) {
      assert(cancelled || at > this.now - 20, `a timer is ${this.now - at} ms late`);
    }
    const isWatching = this.#sockets.some((it) => !it.closing) ||
      this.#alarms.some((it) => !it.cancelled);
    assert(!isWatching || this.call !== null || this.#isPausing, "nobody polls");
  }

  /** Closes everything: then no poll runs. */
  async end(): Promise<void> {
    for (const it of this.#sockets) if (!it.closing) this.#close(it);
    for (const it of this.#alarms) {
      if (it.cancelled) continue;
      it.cancelled = true;
      it.timer.cancel();
    }
    let isIdle = false;
    void this.loop.idle().then(() => {
      isIdle = true;
      assert(this.call === null, "idle() resolves while a poll runs");
    }).catch(this.#fail);
    await this.settle();
    assert(isIdle && this.call === null, "the loop is not idle");
  }

  #open(): void {
    const { loop } = this;
    const descriptor = ++this.#lastDescriptor % WAKE_DESCRIPTOR;
    const stormPauseMs = this.#random.pick([undefined, 0, 3]);
    const watch = loop.watch(descriptor, stormPauseMs);
    const counts = { told: 0, wakes: 0 };
    const is = { ref: true, readable: false, woken: false, pending: false };
    this.#sockets.push({ descriptor, watch, ...is, closing: false, closed: false, ...counts });
    if (this.#random.chance(0.7)) this.#ready(this.#sockets.at(-1)!);
  }

  #ready(it: Socket): void {
    if (it.pending) return;
    const wasWoken = it.woken;
    const again = this.#random.chance(0.7);
    const delay = this.#random.pick([0, 1, 5, 31, 33, 60]);
    it.woken = false;
    it.pending = true;
    void it.watch.ready().then(async (revents) => {
      it.pending = false;
      it.told++;
      if (revents === null) return assert(it.closing, "ready() is null before close()");
      assert(!wasWoken || revents === 0, "a wake-up before ready() was lost");
      if (revents > 0) assert(it.readable, "ready() without data");
      else assert(it.wakes-- > 0, "ready() is 0 without wake()");
      if (this.#random.chance(0.9)) it.readable = false; // it drains
      for (let i = 0; i < delay; i++) await null;
      if (again && !it.closing) this.#ready(it);
    }).catch(this.#fail);
  }

  #wake(it: Socket): void {
    it.wakes++;
    if (!it.pending) it.woken = true;
    it.watch.wake();
  }

  #close(it: Socket): void {
    it.closing = true;
    void it.watch.close().then(() => it.closed = true);
  }

  #setRef(it: Socket, ref: boolean): void {
    it.ref = ref;
    if (ref) it.watch.ref();
    else it.watch.unref();
  }

  #setAlarm(): void {
    const ms = this.#random.pick([1, 7, 40, 250, 5_000]);
    const everyMs = this.#random.chance(0.3) ? ms : null;
    const call = (): void => {
      try {
        assert(!alarm.cancelled, "a cancelled timer fires");
        assert(this.now >= alarm.at, `a timer fires ${alarm.at - this.now} ms early`);
      } catch (error) {
        this.#fail(error);
      }
      alarm.at = this.now + ms;
      if (everyMs === null) alarm.cancelled = true;
      else if (this.#random.chance(0.3)) {
        alarm.cancelled = true;
        alarm.timer.cancel();
      }
    };
    const { timers } = this.loop;
    const timer = everyMs === null ? timers.setTimeout(call, ms) : timers.setInterval(call, ms);
    const at = this.now + ms;
    const alarm: Alarm = { timer, everyMs, at, ref: true, cancelled: false };
    this.#alarms.push(alarm);
  }

  failure: unknown = null;
  readonly #fail = (error: unknown): void => {
    this.failure ??= error;
  };
}

/** Lets everything run that waits for nothing but promises: two pauses of the loop and what surrounds them. */
async function turns(): Promise<void> {
  for (let i = 0; i < 150; i++) await null;
}

/** Puts the clock and the timers of the world in place of those of the runtime; returns what undoes it. */
function fakeTime(world: World): () => void {
  const { now } = performance;
  const { clearTimeout, setTimeout } = globalThis;
  performance.now = () => world.now;
  const timers = {
    setTimeout: (call: () => void, ms: number) => world.setTimeout(call, ms),
    clearTimeout: (id: number) => world.clearTimeout(id),
  };
  Object.assign(globalThis, timers);
  const waits = new SimulatedWaits((timeOut, ms) => void world.setTimeout(timeOut, ms));
  return () => {
    performance.now = now;
    Object.assign(globalThis, { clearTimeout, setTimeout });
    waits[Symbol.dispose]();
  };
}

async function run(random: Random): Promise<void> {
  const world = new World(random);
  const restore = fakeTime(world);
  try {
    for (let i = 0; i < STEPS; i++) {
      await world.step();
      if (random.chance(0.1)) await world.settle();
      if (world.failure !== null) throw world.failure;
    }
    await world.settle();
    await world.end();
    if (world.failure !== null) throw world.failure;
  } finally {
    restore();
  }
}

Deno.test("PollLoop resolves all that is ready, woken, closed or due, in any interleaving", async () => {
  const first = testSeed(1);
  const runs = testRuns(RUNS);
  for (let seed = first; seed < first + runs; seed++) {
    try {
      await run(new Random(seed));
    } catch (cause) {
      throw new Error(`Seed ${seed} failed: ${cause}; ${replay(seed)}`, { cause });
    }
  }
});
