/**
 * A program that serves one live page about this machine's network:
 * `deno run --allow-ffi --allow-net examples/dashboard.ts`. `--help` lists its options.
 *
 * @module
 */
import { escapeText, type Logger, NetworkMonitor } from "@netwatch/netwatch";
import { parseArgs } from "node:util";
import { Dashboard } from "./dashboard/server.ts";

const HELP = `Serves a page that shows this machine's network and each change as it happens.

Usage: deno run --allow-ffi --allow-net examples/dashboard.ts [options]

Options:
  --port PORT      port to listen on (default 8000); 0 takes a free one
  --hostname NAME  address or name to listen on (default 127.0.0.1); whoever can
                   reach it sees this machine's addresses
  -h, --help       print this help

Requests for other host names and from other origins get the status 403.
Ctrl-C and SIGTERM stop the program; a second one kills it.
`;

/** A client that does not read must not keep the program alive. */
const SHUTDOWN_LIMIT_MS = 1_000;

const LOGGER: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => console.error(`warning: ${escapeText(message)}`),
  error: (message) => console.error(`error: ${escapeText(message)}`),
};

if (import.meta.main) {
  try {
    const options = parseOptions(Deno.args);
    if (options === null) console.log(HELP.trimEnd());
    else await serve(options.hostname, options.port);
  } catch (error) {
    const isUsage = error instanceof TypeError;
    const message = error instanceof Error ? error.message : String(error);
    LOGGER.error(message.replaceAll("\n", " "));
    if (isUsage) console.error("Run with --help to list the options");
    Deno.exit(isUsage ? 2 : 1);
  }
}

/** Null if only the help is wanted. */
function parseOptions(args: string[]): { hostname: string; port: number } | null {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: "boolean", short: "h" },
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8000" },
    },
  });
  if (values.help) return null;
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) {
    throw new TypeError(`--port must be a number from 0 to 65535, not '${values.port}'`);
  }
  return { hostname: values.hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

async function serve(hostname: string, port: number): Promise<void> {
  await using monitor = await NetworkMonitor.open({ logger: LOGGER });
  const dashboard = await Dashboard.create(monitor, hostname);
  const server = listen(hostname, port, (request) => dashboard.handle(request));
  await interrupted();
  await monitor.close(); // ends the event streams
  const timer = setTimeout(() => Deno.exit(), SHUTDOWN_LIMIT_MS);
  await server.shutdown();
  clearTimeout(timer);
}

function listen(hostname: string, port: number, handler: Deno.ServeHandler): Deno.HttpServer {
  const onListen = ({ port }: { port: number }): void => {
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const where = hostname === "0.0.0.0" || hostname === "::"
      ? `Open port ${port} of any address of this machine`
      : `Open http://${host}:${port}/`;
    console.log(`${where} in a browser. Ctrl-C stops the program.`);
  };
  try {
    return Deno.serve({ hostname, port, onListen }, handler);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) throw error;
    throw new Error(
      `Cannot listen on port ${port} of ${hostname}: ${error.message}; ` +
        "choose others with --port and --hostname",
    );
  }
}

/** Resolves at the first Ctrl-C or SIGTERM. A second one kills the program, as without listeners. */
function interrupted(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  const listener = () => {
    for (const name of names) Deno.removeSignalListener(name, listener);
    resolve();
  };
  for (const name of names) Deno.addSignalListener(name, listener);
  return promise;
}
