/**
 * A program that exports this machine's network with Deno's built-in OpenTelemetry: the monitor's metrics,
 * whether the machine is online, and each change as a log record.
 *
 * ```sh
 * OTEL_DENO=true OTEL_SERVICE_NAME=netwatch OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 \
 *   deno run --allow-ffi examples/opentelemetry.ts
 * ```
 *
 * @module
 */
import { formatChange, formatReason, NetworkMonitor, type Snapshot } from "@netwatch/netwatch";
import { metrics } from "npm:@opentelemetry/api@^1.10.0";

if (import.meta.main) {
  const stopped = new AbortController();
  Deno.addSignalListener("SIGINT", () => stopped.abort());
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", () => stopped.abort());
  await using monitor = await NetworkMonitor.open();
  observe(monitor);
  const changes = metrics.getMeter("netwatch").createCounter("netwatch.changes");
  for await (const snapshot of monitor.snapshots({ initial: false, signal: stopped.signal })) {
    for (const { kind } of snapshot.changes) changes.add(1, { kind, major: snapshot.major });
    console.info(logLine(snapshot)); // Deno exports what is logged as log records
  }
}

/** Registers gauges and counters that read the monitor whenever metrics are exported. */
function observe(monitor: NetworkMonitor): void {
  const meter = metrics.getMeter("netwatch");
  for (const name of Object.keys(monitor.metrics) as (keyof typeof monitor.metrics)[]) {
    meter.createObservableCounter(`netwatch.monitor.${snakeCase(name)}`)
      .addCallback((result) => result.observe(monitor.metrics[name]));
  }
  meter.createObservableGauge("netwatch.monitor.live", { description: "1 if events arrive" })
    .addCallback((result) => {
      const { status, source } = monitor.health;
      result.observe(status === "live" ? 1 : 0, { status, source });
    });
  meter.createObservableGauge("netwatch.online", { description: "1 if a default route is usable" })
    .addCallback((result) => {
      const { online, defaultRouteInterface } = monitor.current.state;
      if (online === "unknown") return;
      result.observe(online ? 1 : 0, { interface: defaultRouteInterface ?? "" });
    });
}

/** JSON, so that a collector can take it apart. */
function logLine({ sequence, cause, major, reasons, changes, state }: Snapshot): string {
  return JSON.stringify({
    message: changes.map(formatChange).join("; "),
    reasons: reasons.map(formatReason),
    sequence,
    cause,
    major,
    online: state.online,
  });
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
