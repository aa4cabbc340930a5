/**
 * Watches nothing: what Deno itself costs.
 *
 * @module
 */
import { Events } from "./protocol.ts";

await new Events().run();
Deno.exit();
