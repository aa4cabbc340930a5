/**
 * The options of the benchmark suite.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** What `--help` prints. */
export const HELP = `Measures netwatch and its peers on Linux, in network namespaces of their own.

deno task bench [OPTIONS]

  --rounds N        rounds of each measurement, interleaved (default 5)
  --only LIST       only these scenarios, separated by commas
  --peers LIST      only these programs; "none": netwatch alone
  --quick           two rounds of less of everything
  --json FILE       where the results go (default .bench/results.json)
  --from FILE       measure nothing: take the results of an earlier run
  --publish         write the results, the chart and the tables of README.md and docs/
  --help            this text

Needs ip and unshare, and root or user namespaces. A peer whose toolchain is missing is skipped.
`;

/** The parsed options. */
export interface BenchOptions {
  rounds: number;
  only: string[] | null;
  peers: string[] | null;
  quick: boolean;
  json: string;
  from: string | null;
  publish: boolean;
  help: boolean;
}

/**
 * Parses the command line.
 *
 * @throws {TypeError} if an option, a scenario or a peer does not exist, or a value is wrong.
 */
export function parseOptions(
  args: readonly string[],
  known: { scenarios: readonly string[]; peers: readonly string[] },
): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string" },
      only: { type: "string" },
      peers: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string", default: ".bench/results.json" },
      from: { type: "string" },
      publish: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { json, help, publish, quick } = values;
  const rounds = Number(values.rounds ?? (quick ? 2 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new TypeError(`--rounds ${values.rounds} is not a number of rounds`);
  }
  return {
    rounds,
    only: list("only", values.only, known.scenarios),
    peers: values.peers === "none" ? [] : list("peers", values.peers, known.peers),
    quick,
    json,
    from: values.from ?? null,
    publish,
    help,
  };
}

function list(option: string, text: string | undefined, known: readonly string[]): string[] | null {
  if (text === undefined) return null;
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new TypeError(`--${option} does not know ${unknown}; it knows: ${known.join(", ")}`);
}
