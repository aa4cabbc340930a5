/**
 * What the page shows of a state, as text. Names are untrusted: they are escaped here, and the page never
 * parses text as HTML.
 *
 * @module
 */
import {
  type Address,
  type DefaultRoute,
  escapeText,
  type Interface,
  type NetworkMonitor,
  primaryAddress,
  type State,
} from "@netwatch/netwatch";

/** Interfaces on the page; a router can have thousands. */
const INTERFACES_MAX = 200;

/** Addresses of one interface on the page. */
const ADDRESSES_MAX = 20;

/** A label and a text, or a time in epoch milliseconds. */
type Row = readonly [label: string, value: string | number];

/** An interface. */
interface Card {
  readonly name: string;
  readonly hostOnly: boolean;
  readonly badges: readonly string[];
  readonly addresses: readonly string[];
  readonly rows: readonly Row[];
}

/** All of the page but the timeline. */
export interface View {
  readonly online: "Online" | "Offline" | "Unknown";
  readonly summary: string;
  readonly at: number;
  readonly routes: readonly Row[];
  readonly interfaces: readonly Card[];
  readonly interfacesLeftOut: number;
  readonly health: readonly Row[];
  readonly metrics: readonly Row[];
}

/**
 * Describes the monitor's current snapshot, health and metrics.
 *
 * @param monitor The monitor.
 * @returns Plain data.
 */
export function createView({ current, health, metrics }: NetworkMonitor): View {
  const { state } = current;
  const { ipv4, ipv6 } = state.defaultRoute;
  const cards = Object.values(state.interfaces).sort(byImportance(state));
  const { listeners = [], ...rest } = health;
  return {
    online: state.online === "unknown" ? "Unknown" : state.online ? "Online" : "Offline",
    summary: summaryOf(state),
    at: current.at,
    routes: state.knows.routes
      ? [["IPv4", routeText(ipv4)], ["IPv6", routeText(ipv6)]]
      : [["IPv4", "unknown"], ["IPv6", "unknown"]],
    interfaces: cards.slice(0, INTERFACES_MAX).map((nic) => cardOf(nic, state)),
    interfacesLeftOut: Math.max(0, cards.length - INTERFACES_MAX),
    health: [
      ["Status", rest.status],
      ["Source", [rest.source, ...listeners].join(", ")],
      ...rowsIf("Reason", rest.reason),
      ["Since", rest.since],
      ...rowsIf("Last event", rest.lastEventAt),
      ...rowsIf("Last check", rest.lastReconcileAt),
      ...rowsIf("Last error", rest.lastError),
    ],
    metrics: Object.entries(metrics).map(([name, value]) => [wordsOf(name), String(value)]),
  };
}

function summaryOf(state: State): string {
  const name = state.defaultRouteInterface;
  if (!state.knows.routes) return "The default routes are unknown";
  if (name === null) return "No default route";
  if (state.online === false) {
    return `The default route leads through ${escapeText(name)}, which cannot be used`;
  }
  const address = primaryAddress(state);
  const parts = [`through ${escapeText(name)}`];
  if (address !== null) parts.push(`as ${address.address}`);
  if (state.isExpensive === true) parts.push("metered");
  return parts.join(", ");
}

function cardOf(nic: Interface, state: State): Card {
  const { defaultRoute: { ipv4, ipv6 }, knows } = state;
  const badges = knows.links
    ? [nic.up ? "up" : "down", nic.running ? "carrier" : "no carrier"]
    : [];
  if (ipv4?.interface === nic.name) badges.push("IPv4 default");
  if (ipv6?.interface === nic.name) badges.push("IPv6 default");
  const addresses = nic.addresses.slice(0, ADDRESSES_MAX).map(addressText);
  const more = nic.addresses.length - ADDRESSES_MAX;
  return {
    name: escapeText(nic.name),
    hostOnly: nic.hostOnly,
    badges,
    addresses: more > 0 ? [...addresses, `and ${more} more`] : addresses,
    rows: [
      ["Kind", nic.kind],
      ...rowsIf("Index", knows.links ? String(nic.index) : null),
      ...rowsIf("MTU", knows.links ? String(nic.mtu) : null),
      ...rowsIf("MAC", nic.mac),
    ],
  };
}

function addressText(address: Address): string {
  const flags = (["tentative", "duplicated", "deprecated", "temporary"] as const)
    .filter((flag) => address[flag]);
  const peer = address.peer === null ? [] : [`peer ${address.peer}`];
  return [address.cidr, ...peer, ...flags].join(" ");
}

function routeText(route: DefaultRoute | null): string {
  if (route === null) return "none";
  const parts = [escapeText(route.interface)];
  if (route.gateway !== null) parts.push(`via ${route.gateway}`);
  if (route.source !== null) parts.push(`from ${route.source}`);
  if (route.metric !== null) parts.push(`metric ${route.metric}`);
  return parts.join(" ");
}

/** Default interfaces first, then those that are up, then by index. */
function byImportance({ defaultRoute: { ipv4, ipv6 } }: State) {
  const rank = ({ name, up, running }: Interface) =>
    name === ipv4?.interface ? 0 : name === ipv6?.interface ? 1 : up && running ? 2 : 3;
  return (a: Interface, b: Interface): number => rank(a) - rank(b) || a.index - b.index;
}

/** No row for a value that does not exist. */
function rowsIf(label: string, value: string | number | null): Row[] {
  return value === null ? [] : [[label, typeof value === "string" ? escapeText(value) : value]];
}

/** `readFailures` as `Read failures`. */
function wordsOf(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
