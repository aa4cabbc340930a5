/**
 * The cost of a process, measured from outside (proc(5)).
 *
 * @module
 */

/** A reading; the difference of two readings is the cost of the process in between. */
export interface Cost {
  /** User and system time of all threads. */
  cpuMs: number;
  /** How often a thread blocked: voluntary context switches. */
  wakeUps: number;
}

/** Reads the cost of one process. A thread that ended counts with its last reading, so read now and then. */
export class Meter {
  readonly #pid: number;
  readonly #threads = new Map<string, Cost>();

  /** Reads the process with this id. */
  constructor(pid: number) {
    this.#pid = pid;
  }

  /** The cost so far. */
  read(): Cost {
    for (const thread of threadsOf(this.#pid)) {
      const cost = readThread(`/proc/${this.#pid}/task/${thread}`);
      if (cost !== null) this.#threads.set(thread, cost);
    }
    const total = { cpuMs: 0, wakeUps: 0 };
    for (const { cpuMs, wakeUps } of this.#threads.values()) {
      total.cpuMs += cpuMs;
      total.wakeUps += wakeUps;
    }
    return total;
  }

  /** The resident memory, in MiB, and the part of it that is not a page of a file, such as of the executable. */
  memory(): { memoryMib: number; privateMib: number } {
    const text = Deno.readTextFileSync(`/proc/${this.#pid}/status`);
    const mib = (name: string) => Number(RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024;
    return { memoryMib: mib("VmRSS"), privateMib: mib("RssAnon") };
  }
}

function threadsOf(pid: number): string[] {
  try {
    return Array.from(Deno.readDirSync(`/proc/${pid}/task`), ({ name }) => name);
  } catch {
    return []; // the process has ended
  }
}

/** Null if the thread has ended. */
function readThread(path: string): Cost | null {
  try {
    const [nanoseconds] = Deno.readTextFileSync(`${path}/schedstat`).split(" ");
    const status = Deno.readTextFileSync(`${path}/status`);
    const wakeUps = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    return { cpuMs: Number(nanoseconds) / 1e6, wakeUps };
  } catch {
    return null;
  }
}
