/**
 * Opens the Linux source with the permissions that it was started with and prints the result as JSON.
 * The first argument is a `Task` as JSON.
 *
 * @module
 */
import { LinuxSource } from "../../../ffi/linux/source.ts";

interface Task {
  /** The option `libc`. */
  libc?: string;
  /** Revokes the FFI permission once the source is open. */
  revoke?: boolean;
}

async function main(): Promise<void> {
  const { libc, revoke } = JSON.parse(Deno.args[0] ?? "{}") as Task;
  const signal = new AbortController().signal;
  await using source = await LinuxSource.open({ libc });
  await using subscription = await source.subscribe(signal);
  const report: Record<string, unknown> = {};
  if (revoke) {
    await Deno.permissions.revoke({ name: "ffi" });
    report["state"] = (await Deno.permissions.query({ name: "ffi" })).state;
    report["granted"] = LinuxSource.granted({ libc }); // else "auto" would poll
    await using second = await LinuxSource.open({ libc });
    report["second"] = (await second.read(signal)).interfaces.length;
  }
  const reading = await source.read(signal);
  subscription.adopt(reading);
  report["interfaces"] = reading.interfaces.map((nic) => nic.name);
  const iterating = Array.fromAsync(subscription);
  report["hears"] = await subscription.probe(AbortSignal.timeout(5_000));
  report["views"] = subscription.view()?.interfaces.length;
  await subscription[Symbol.asyncDispose]();
  await iterating;
  if (revoke) {
    await source[Symbol.asyncDispose]();
    report["afterwards"] = await LinuxSource.open({ libc }).then(() => "open", described);
  }
  console.log(JSON.stringify(report));
}

function described(error: Error): { error: string; message: string } {
  return { error: error.name, message: error.message };
}

main().catch((error: Error) => console.log(JSON.stringify(described(error))));
