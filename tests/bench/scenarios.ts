/**
 * All scenarios, in the order in which they run.
 *
 * @module
 */
import type { Scenario } from "./scenario.ts";
import { idle } from "./scenarios/idle.ts";
import { isolated } from "./scenarios/isolated.ts";
import { read } from "./scenarios/read.ts";
import { addresses, interfaces, monitors, routes, subscribers } from "./scenarios/sizes.ts";
import { start } from "./scenarios/start.ts";
import { addressStorm, routeStorm } from "./scenarios/storms.ts";

/** The scenarios. */
export const SCENARIOS: readonly Scenario[] = [
  isolated,
  addressStorm,
  routeStorm,
  interfaces,
  addresses,
  routes,
  subscribers,
  monitors,
  read,
  start,
  idle,
];
