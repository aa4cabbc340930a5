/**
 * The planted bugs. Each was made in the field or is one edit away from the code.
 *
 * @module
 */
import type { Edit } from "./copy.ts";
import type { Quirks } from "./parts.ts";

/** A bug: edits of the code, or a quirk of the simulated source. */
export interface PlantedBug {
  readonly name: string;
  readonly edits?: readonly Edit[];
  readonly quirks?: Quirks;
}

/** All of them. */
export const BUGS: readonly PlantedBug[] = [
  { name: "no drain", quirks: { readsOne: true } },
  { name: "no reconcile", quirks: { noInterval: true } },
  { name: "no journal while reading", quirks: { forgetsJournal: true } },
  { name: "resume from the wall clock", quirks: { wallClock: true } },
  edit("no read after reopen", "actor/machine/subscription.ts", {
    "  draft.socket = { ...socket, synced: true };":
      "  if (!socket.verified) observation = { ...observation, state: draft.newest ?? observation.state };\n" +
      "  draft.socket = { ...socket, synced: true };",
  }),
  edit("debounce restarted by each event", "actor/machine/coalesce.ts", {
    "  addCauses(draft, [cause]);\n  if (viewInMs(draft, draft.now) > 0) openWindow(draft);\n  else takeView(draft);":
      "  addCauses(draft, [cause]);\n  openWindow(draft);",
    "  if (draft.window) return;\n  draft.window = true;": "  draft.window = true;",
    'timer: "window", ms: viewInMs(draft, draft.now)':
      'timer: "window", ms: Math.max(1, draft.config.coalesceMs)',
  }),
  edit("states compared without flags", "state/normalize.ts", {
    "    a.tentative === b.tentative && a.duplicated === b.duplicated &&\n": "",
    "    a.deprecated === b.deprecated && a.temporary === b.temporary && a.permanent === b.permanent;":
      "    true;",
  }),
  edit("table compared without flags", "ffi/linux/link_table.ts", {
    "((a.flags ^ b.flags) & PUBLISHED_FLAGS) === 0 && ": "",
  }),
  edit("addresses keyed without peer", "ffi/linux/link_table.ts", {
    "return a.prefixLength - b.prefixLength || compareBytes(a.peer ?? NO_BYTES, b.peer ?? NO_BYTES);":
      "return a.prefixLength - b.prefixLength;",
  }),
  edit("addresses keyed without prefix", "ffi/linux/link_table.ts", {
    "return a.prefixLength - b.prefixLength || compareBytes(a.peer ?? NO_BYTES, b.peer ?? NO_BYTES);":
      "return compareBytes(a.peer ?? NO_BYTES, b.peer ?? NO_BYTES);",
  }),
  edit("addresses shown without prefix", "state/normalize.ts", {
    "return key + String.fromCharCode(prefixLength);": "return key;",
  }),
  edit("queue of a stream unbounded", "actor/streams.ts", {
    "    this.#forgetRead();\n    this.#isNew = false;": "    this.#isNew = false;",
  }),
  edit("read given up not noticed", "actor/streams.ts", {
    "if (!this.readable.locked) this.#forgetRead();": "",
    "if (held) this.#forgetRead();": "",
  }),
  edit("no second round before drift", "actor/machine/reconcile.ts", {
    "if (quiet || check.rounds >= MAX_ROUNDS)": "if (quiet || check.rounds >= 1)",
  }),
  edit("reconcile waits for the backoff", "actor/machine/reconcile.ts", {
    "  retryNow(draft);\n  startCheck(draft);":
      '  if (draft.socket.kind === "waiting") return;\n  startCheck(draft);',
  }),
  edit("reconcile leaves the backoff alone", "actor/machine/reconcile.ts", {
    "  retryNow(draft);\n  startCheck(draft);": "  startCheck(draft);",
  }),
  edit("overflow ignored", "actor/machine/step.ts", {
    'return requestRead(draft, { causes: ["overflow"], base: id });': "return;",
  }),
  edit("resync ignored", "actor/machine/step.ts", {
    'return requestRead(draft, { causes: ["event"], base: id });': "return;",
  }),
  edit("resync taken for an overflow", "actor/machine/step.ts", {
    'metrics.malformed++;\n      return requestRead(draft, { causes: ["event"], base: id });':
      'metrics.overflows++;\n      return requestRead(draft, { causes: ["overflow"], base: id });',
  }),
  edit("late result of a read used", "actor/clock.ts", {
    "if (this.#pending.delete(controller)) timed.done(outcome);\n":
      "if (this.#pending.delete(controller) || outcome.ok) timed.done(outcome);\n",
  }, {
    file: "actor/machine/step.ts",
    from: "if (read?.id !== id) return null;",
    to: "if (read === null) return null;",
  }),
  edit("no canary", "actor/machine/reconcile.ts", {
    "  startCheck(draft);\n  probe(draft);": "  startCheck(draft);",
  }),
  edit("no canary during a check", "actor/machine/reconcile.ts", {
    "  startCheck(draft);\n  probe(draft);":
      "  if (draft.check !== null) return;\n  startCheck(draft);\n  probe(draft);",
  }),
  edit("live before the canary", "actor/machine/subscription.ts", {
    "  if (!socket.verified) probe(draft);": "  if (!socket.verified) draft.socketFault = null;\n" +
      "  updateStatus(draft);\n  if (!socket.verified) probe(draft);",
  }),
  edit("no read limit", "actor/clock.ts", { "    wait(limitMs);\n": "" }),
  edit("busy loop taken for a dead source", "actor/clock.ts", {
    "const SLICES = 5;": "const SLICES = 1;",
  }),
  edit("read published outside the window", "actor/machine/coalesce.ts", {
    "  if (publishInMs(draft, draft.now) > 0) openWindow(draft);\n": "",
    "  else publish(draft, state, changes);": "  publish(draft, state, changes);",
  }),
  edit("equal states published", "actor/machine/coalesce.ts", {
    "if (!isFirst && changes.length === 0) {": "if (state === published) {",
  }),
  edit("refresh joins a read under way", "actor/machine/reads.ts", {
    "  const request = { causes":
      "  if (draft.reading !== null && wanted.tokens !== undefined) {\n" +
      "    draft.reading = { ...merge(draft.reading, { ...draft.reading, ...wanted }), ...ids(draft.reading) };\n" +
      "    return;\n  }\n  const request = { causes",
    "function merge(": "function ids({ id, since, events, published }: ReadInFlight) {\n" +
      "  return { id, since, events, published };\n}\n\nfunction merge(",
  }),
  edit("raced adoption trusted", "actor/machine/subscription.ts", {
    "draft.mayBeStale = isRaced(draft, read) && !draft.tableless && !draft.config.polling;":
      "draft.mayBeStale = false;",
  }),
  edit("raced first read trusted", "actor/machine/subscription.ts", {
    "if (!socket.synced && draft.tableless && draft.changePending)": "if (draft.config.polling)",
  }),
  edit("waiting publication taken for drift", "actor/machine/reconcile.ts", {
    "view ?? draft.newest as State": "view ?? draft.published as State",
  }),
  edit("read begun before the last is aborted", "actor/clock.ts", {
    "      controller.abort(error);\n      fail(error);":
      "      fail(error);\n      controller.abort(error);",
  }),
  edit("end of the socket not noticed", "actor/runner.ts", {
    '      }\n    } catch (thrown) {\n      error = thrown ?? new Error("The subscription failed':
      '      }\n      return;\n    } catch (thrown) {\n      error = thrown ?? new Error("The subscription failed',
  }),
  edit("status not degraded", "actor/machine/subscription.ts", {
    "  draft.socketFault = reason;": "",
  }),
  edit("subscription not released", "actor/machine/subscription.ts", {
    '  draft.effects.push({ kind: "dispose", id: socket.id });': "",
  }),
  edit("drift found and not published", "actor/machine/reconcile.ts", {
    '"warn");\n  offer(draft, observation.state, ["reconcile"]);': '"warn");',
  }),
  edit("degraded by no failure of reads", "actor/machine/subscription.ts", {
    "const FAILURES_MAX = 2;": "const FAILURES_MAX = 1e9;",
  }),
  edit("degraded for ever by failed reads", "actor/machine/step.ts", {
    "  draft.readFailures = 0;\n": "",
  }),
  edit("views not paced", "actor/machine/step.ts", {
    "draft.viewsFrom = draft.now.monotonic + restMs(draft.now.monotonic - viewing.since);":
      "void restMs;",
  }),
  edit("reads without a macrotask between", "actor/machine/reads.ts", {
    "return lastRead.endedAt + (isUrgent ? Math.min(rest, 1) : rest);":
      "return isUrgent ? 0 : lastRead.endedAt + rest;",
  }),
  edit("closed is not checked after user code", "actor/streams.ts", {
    "if (!this.#ended) this.#controller.enqueue(snapshot);": "this.#controller.enqueue(snapshot);",
  }, {
    file: "actor/runner.ts",
    from: "this.#options.ignoreInterface?.remember(sortedInterfaces(state));",
    to: "void sortedInterfaces;",
  }, {
    file: "actor/user_code.ts",
    from: "this.#ignored.get(nic) ?? false;",
    to: "this.#ask(nic);",
  }),
  edit("two sleeps merged", "actor/machine/step.ts", {
    "[...draft.resumes, { at, sleptMs }]": "[{ at, sleptMs }]",
  }),
  edit("clock step taken for a sleep", "actor/machine/step.ts", {
    '    case "clock-stepped":\n':
      '    case "clock-stepped":\n      onResumed(draft, draft.now.wall, 100);\n',
  }),
  edit("timers running after close", "actor/runner.ts", { "    this.#timers.clear();\n": "" }),
  edit("refresh pending after close", "actor/runner.ts", {
    "      reject(new MonitorClosedError());\n": "      void reject;\n",
  }),
  edit("settling forgotten", "actor/streams.ts", {
    "if (wait > 0) return this.#arm(wait);": "if (wait > 1e9) return this.#arm(wait);",
  }),
  edit("minor changes delivered to majorOnly", "actor/streams.ts", {
    "(!this.#options.majorOnly || snapshot.major": "(true || snapshot.major",
  }),
  edit("unaffected address told", "actor/streams.ts", {
    "return this.#isAffected(this.#seen, snapshot) &&": "return",
    "if (affects === null || firstAt === null) return firstAt;": "return firstAt;",
  }),
  edit("host-only ignored", "state/interfaces.ts", {
    "const usable = nic.hostOnly ? NONE : onHost;": "const usable = onHost;",
  }),
  edit("default route does not clear host-only", "state/build.ts", {
    "nic.name !== ipv4 && nic.name !== ipv6": "ipv4 !== undefined && ipv6 !== undefined",
  }),
  edit("ports do not count", "ffi/linux/link_table.ts", {
    "if (master !== null && this.nameOf(master) !== null) found.add(master);": "",
  }),
  edit("topology of the first moment kept", "ffi/linux/link_table.ts", {
    "if (row !== undefined) row.built = null;": "void row;",
  }),
  edit("online from addresses", "state/build.ts", {
    "online: isOnline ||": "online: (local.haveIpv4 || local.haveIpv6) || isOnline && false ||",
  }),
  edit("reason missing", "state/impact.ts", {
    "if (fields.length > 0) {": "if (fields.length > 1) {",
  }),
  edit("long sleep forgotten after a short one", "actor/streams.ts", {
    "if (sleep !== null && ": "if (sleep === undefined && ",
  }),
  edit("route change taken for drift", "state/diff.ts", {
    "return pairInterfaces(a, b, givenInterfaces)": "return pairInterfaces(a, b)",
    "interfaceChanges(pairInterfaces(previous, next, givenInterfaces))":
      "interfaceChanges(pairInterfaces(previous, next))",
  }),
];

function edit(
  name: string,
  file: string,
  texts: Record<string, string>,
  ...more: Edit[]
): PlantedBug {
  const edits = Object.entries(texts).map(([from, to]): Edit => ({ file, from, to }));
  return { name, edits: [...edits, ...more] };
}
