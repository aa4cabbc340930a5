/**
 * The program `opentelemetry` and a receiver of OTLP on the loopback interface.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ip, namespaceTest } from "../support/netns.ts";
import { denoProgram } from "../support/program.ts";

/** The parts of OTLP's JSON (opentelemetry-proto, `metrics.proto` and `logs.proto`) that are looked at. */
interface Export {
  resourceMetrics?: { scopeMetrics: { metrics: Metric[] }[] }[];
  resourceLogs?: { scopeLogs: { logRecords: { body: { stringValue: string } }[] }[] }[];
}

interface Metric {
  name: string;
  gauge?: { dataPoints: Point[] };
  sum?: { dataPoints: Point[] };
}

interface Point {
  attributes: { key: string; value: { stringValue?: string } }[];
  asInt?: string;
  asDouble?: number;
}

/** Collects what is exported: the newest points of each metric, and the log records. */
class Receiver implements AsyncDisposable {
  readonly points = new Map<string, readonly Point[]>();
  readonly logs: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #received = Promise.withResolvers<void>();

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        this.#take(await request.json());
        return Response.json({});
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#received.promise;
  }

  #take({ resourceMetrics = [], resourceLogs = [] }: Export): void {
    for (const { name, gauge, sum } of resourceMetrics.flatMap(metricsOf)) {
      this.points.set(name, (gauge ?? sum)?.dataPoints ?? []);
    }
    for (const { scopeLogs } of resourceLogs) {
      for (const { logRecords } of scopeLogs) {
        this.logs.push(...logRecords.map(({ body }) => body.stringValue));
      }
    }
    this.#received.resolve();
    this.#received = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function metricsOf({ scopeMetrics }: { scopeMetrics: { metrics: Metric[] }[] }): Metric[] {
  return scopeMetrics.flatMap(({ metrics }) => metrics);
}

function valueOf({ asInt, asDouble }: Point): number {
  return Number(asInt ?? asDouble);
}

async function setUpNetwork(): Promise<void> {
  await ip("link set lo up");
  await ip("link add eth0 type bridge");
  await ip("link set eth0 up");
}

/** Starts the program, which exports to where `env` says. */
function exporter(env: Record<string, string>) {
  return denoProgram(["run", "--no-lock", "--allow-ffi", "examples/opentelemetry.ts"], {
    env: {
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: "netwatch",
      OTEL_METRIC_EXPORT_INTERVAL: "500",
      ...env,
    },
  });
}

namespaceTest(
  import.meta.url,
  "opentelemetry exports metrics, health and changes",
  async () => {
    await setUpNetwork();
    await using receiver = new Receiver();
    await using program = exporter({
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    });
    await receiver.until(() => receiver.points.has("netwatch.monitor.published"));
    const points = (name: string) =>
      (receiver.points.get(name) ?? []).map((point) => [
        valueOf(point),
        ...point.attributes.map(({ value }) => value.stringValue).sort(),
      ]);
    const started = performance.now();
    await ip("addr add 192.0.2.7/24 dev eth0");
    await receiver.until(() => receiver.logs.some((log) => log.includes("192.0.2.7")));
    await receiver.until(() => points("netwatch.changes").flat().includes("address-added"));
    const ms = Math.round(performance.now() - started);
    console.log(`metrics and a change after ${ms} ms`);
    const log = JSON.parse(receiver.logs.find((log) => log.includes("192.0.2.7")) ?? "");
    assertEquals([log.online, log.sequence > 1], [false, true]);
    assertStringIncludes(log.message, "192.0.2.7");
    assertEquals(points("netwatch.online"), [[0, ""]]);
    assertEquals(points("netwatch.monitor.live"), [[1, "live", "netlink"]]);
    program.signal("SIGTERM");
    const { code, stderr } = await program.end();
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
  },
  { config: "tests/npm/config.json" },
);

namespaceTest(
  import.meta.url,
  "opentelemetry exports as http/protobuf too, the default of OTLP",
  async () => {
    await setUpNetwork();
    const [metrics, change] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        // strings of a protobuf message are UTF-8, so a name is found without a schema
        const text = new TextDecoder().decode(await request.bytes());
        const what = `${request.headers.get("content-type")} ${new URL(request.url).pathname}`;
        if (text.includes("netwatch.monitor.published")) metrics.resolve(what);
        if (text.includes("eth0 got 192.0.2.7/24")) change.resolve(what);
        return new Response(null, { headers: { "content-type": "application/x-protobuf" } });
      },
    );
    await using program = exporter({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    });
    assertEquals(await metrics.promise, "application/x-protobuf /v1/metrics");
    await ip("addr add 192.0.2.7/24 dev eth0");
    assertEquals(await change.promise, "application/x-protobuf /v1/logs");
    program.signal("SIGTERM");
    const { code, stderr } = await program.end();
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
  },
  { config: "tests/npm/config.json" },
);
