/**
 * The C library that lies, built with gcc.
 *
 * @module
 */

/** What can be injected. */
export const FAULTS = {
  /** Nothing. */
  none: 0,
  /** A receive says that nothing is there although data waits. */
  receiveSaysEmpty: 1,
  /** A receive fails with the given error number. */
  receiveFails: 2,
  /** `poll` never finds an event socket ready. */
  pollIsDeaf: 3,
  /** `socket(AF_NETLINK)` fails with the given error number. */
  socketFails: 4,
  /** `bind` to multicast groups fails with the given error number. */
  bindFails: 5,
  /** Datagrams are cut to the given length. */
  truncate: 6,
  /** Datagrams are lost. */
  drop: 7,
  /** All of them are. */
  dropEverything: 8,
  /** Every third receive fails with the given error number, and nothing else is wrong. */
  everyThirdReceiveFails: 9,
} as const;

/** A fault library that is loaded beside the product, which opens the same file. */
export class FaultLibc implements Disposable {
  /** The file, for the option `libc`. */
  readonly path: string;
  readonly #folder: string;
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;

  /** Builds it. */
  constructor() {
    this.#folder = Deno.makeTempDirSync({ prefix: "netwatch-" });
    this.path = `${this.#folder}/libfault.so`;
    const source = `${import.meta.dirname}/fault_libc.c`;
    const { success, stderr } = new Deno.Command("gcc", {
      args: ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", this.path, source],
    }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    this.#library = Deno.dlopen(this.path, SYMBOLS);
  }

  /** From now on, so many times (-1: until the next call). */
  inject(fault: keyof typeof FAULTS, times = -1, value = 0): void {
    this.#library.symbols.netwatch_fault(FAULTS[fault], times, value);
  }

  /** Unloads and removes it. */
  [Symbol.dispose](): void {
    this.#library.close();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

const SYMBOLS = {
  netwatch_fault: { parameters: ["i32", "i32", "i32"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;
