/** @module */
import type { Results } from "./results.ts";
/** . */
export async function publish(_results: Results): Promise<void> {}
