/**
 * What `@std/log/get-logger` 0.224 gives when `@std/log/setup` was not imported.
 *
 * @module
 */
import { Logger } from "./logger.ts";

export type { Logger };

const loggers = new Map<string, Logger>();

/** The logger of the name: always the same one. Without a name it throws, as there is no default one. */
export function getLogger(name?: string): Logger {
  if (!name) throw new Error('"default" logger must be set for getting logger without name');
  const known = loggers.get(name);
  if (known !== undefined) return known;
  const made = new Logger(name);
  loggers.set(name, made);
  return made;
}
