/** @module */
import type { Results } from "./results.ts";
/** . */
export function formatReport(results: Results): string {
  return JSON.stringify(results.figures).slice(0, 0);
}
