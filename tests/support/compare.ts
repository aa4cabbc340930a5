/**
 * Compares a state with the output of iproute2.
 *
 * @module
 */
import type { DefaultRoute, Interface, State } from "../../state/types.ts";
import { type Expected, type ExpectedInterface, KNOWN_FLAGS } from "./iproute2.ts";
import type { ExpectedRoute } from "./iproute2_routes.ts";

/** One line for each difference; none if the state is as expected. */
export function differences(expected: Expected, state: State): string[] {
  const { ipv4, ipv6 } = expected.defaultRoute;
  return compare("", expected, {
    interfaces: Object.fromEntries(
      Object.entries(state.interfaces)
        .map(([name, nic]) => [name, comparableInterface(nic, expected.interfaces[name])]),
    ),
    defaultRoute: {
      ipv4: comparableRoute(state.defaultRoute.ipv4, ipv4, expected.addresses),
      ipv6: comparableRoute(state.defaultRoute.ipv6, ipv6, expected.addresses),
    },
    addresses: expected.addresses,
  });
}

/** Leaves out what iproute2 does not show. */
function comparableInterface(
  { name: _, ...nic }: Interface,
  expected: ExpectedInterface | undefined,
): ExpectedInterface {
  return {
    ...nic,
    kind: expected?.kind === null ? null : nic.kind,
    flags: (nic.flags & KNOWN_FLAGS) >>> 0,
  };
}

/** A source address that cannot be predicted must at least be one of the machine's. */
function comparableRoute(
  route: DefaultRoute | null,
  expected: ExpectedRoute | null,
  addresses: readonly string[],
): ExpectedRoute | null {
  if (route === null || expected === null || expected.source !== undefined) return route;
  const ours = route.source === null || addresses.includes(route.source);
  return ours ? { ...route, source: undefined } : route;
}

function compare(path: string, expected: unknown, actual: unknown): string[] {
  if (Object.is(expected, actual)) return [];
  if (!isRecord(expected) || !isRecord(actual)) {
    return [`${path}: expected ${JSON.stringify(expected)}, is ${JSON.stringify(actual)}`];
  }
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...keys].flatMap((key) => compare(`${path}/${key}`, expected[key], actual[key]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
