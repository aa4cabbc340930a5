/**
 * Facts about C: a number of the product, and the C expression that must have it.
 *
 * @module
 */

/** One fact. */
export interface Fact {
  /** As it is reported. */
  readonly label: string;
  /** The C expression. */
  readonly c: string;
  /** What the product says. */
  readonly value: number | bigint;
  /** A preprocessor condition: where it does not hold, the fact counts as unchecked. */
  readonly condition?: string | undefined;
}

/** A system with its headers, and what the product says of it. */
export interface System {
  /** Targets of `zig cc`. */
  readonly targets: readonly string[];
  /** Included in this order. */
  readonly headers: readonly string[];
  /** Included where they are shipped. */
  readonly optionalHeaders?: readonly string[];
  readonly facts: readonly Fact[];
}

/** What a module exports, or a part of it: numbers by C name, offsets by struct. */
type Constants = Readonly<Record<string, unknown>>;

/**
 * Facts of constants that have C names. `FOO` is C's FOO, `FOO_SIZE` is sizeof(struct foo), and an object
 * `FOO` holds offsets in struct foo.
 */
export function constantFacts(constants: Constants): Fact[] {
  return Object.entries(constants).flatMap(([name, value]): Fact[] => {
    if (typeof value === "number" || typeof value === "bigint") {
      return [{ label: name, c: C_NAMES[name] ?? sizeName(name) ?? name, value }];
    }
    if (typeof value !== "object" || value === null) return [];
    return offsetFacts(name.toLowerCase(), value as Record<string, number>);
  });
}

/** Facts of offsets in a struct, by the names of its members. */
export function offsetFacts(struct: string, offsets: Readonly<Record<string, number>>): Fact[] {
  return Object.entries(offsets).map(([member, value]) => ({
    label: `${struct}.${member}`,
    c: `offsetof(struct ${struct}, ${member})`,
    value,
  }));
}

/** A fact of a struct's size. */
export function sizeFact(struct: string, value: number): Fact {
  return { label: `sizeof ${struct}`, c: `sizeof(struct ${struct})`, value };
}

/** What the code takes for granted wherever it passes buffers to C. */
export const ABI_FACTS: readonly Fact[] = [
  sizeFact("pollfd", 8),
  ...offsetFacts("pollfd", { fd: 0, events: 4, revents: 6 }),
  sizeFact("timespec", 16),
  ...offsetFacts("timespec", { tv_sec: 0, tv_nsec: 8 }),
  { label: "sizeof int", c: "sizeof(int)", value: 4 },
  { label: "sizeof size_t", c: "sizeof(size_t)", value: 8 },
  { label: "sizeof socklen_t", c: "sizeof(socklen_t)", value: 4 },
  { label: "sizeof clockid_t", c: "sizeof(clockid_t)", value: 4 },
];

/** Exceptions. */
const C_NAMES: Readonly<Record<string, string>> = {
  KEV_MSG_HEADER_SIZE: "KEV_MSG_HEADER_SIZE",
  NLA_TYPE_MASK: "(unsigned short)NLA_TYPE_MASK",
};

function sizeName(name: string): string | null {
  const struct = name.match(/^(.+)_SIZE$/)?.[1];
  return struct === undefined ? null : `sizeof(struct ${struct.toLowerCase()})`;
}
