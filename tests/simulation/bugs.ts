/**
 * The planted bugs. Each has occurred in practice or is one edit away from the code.
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
  edit("no read after reopen", "actor/machine/step.ts", {
    "  draft.socket = { ...socket, synced: true };":
      "  if (!socket.verified) read = { ...read, state: draft.newest ?? read.state };\n" +
      "  draft.socket = { ...socket, synced: true };",
  }),
  edit("debounce restarted by each event", "actor/machine/reads.ts", {
    "  if (viewFrom(draft) > draft.now.monotonic) return openWindow(draft);":
      "  if (causes.length > 0 || viewFrom(draft) > draft.now.monotonic) return openWindow(draft);",
    "  if (draft.window) return;\n  draft.window = true;": "  draft.window = true;",
    "const ms = viewFrom(draft) - draft.now.monotonic;":
      "const ms = Math.max(1, draft.config.coalesceMs);",
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
    "    this.forgetRead();\n    this.#isNew = false;": "    this.#isNew = false;",
  }),
  edit("read given up not noticed", "actor/streams.ts", {
    "if (!stream.locked) reader.forgetRead();": "",
    "if (held) reader.forgetRead();": "",
  }),
  edit("read given up by a pipe not noticed", "actor/streams.ts", {
    "    isAbandoned: () => !stream.locked,\n": "",
  }),
  edit("snapshot given to an aborted pipe", "actor/streams.ts", {
    "if (this.pipe?.aborted || ": "if (",
  }),
  edit("no second round before drift", "actor/machine/reads.ts", {
    "quiet || check.rounds >= MAX_ROUNDS": "quiet || check.rounds >= 1",
  }),
  edit("reconcile waits for the backoff", "actor/machine/step.ts", {
    "    retryNow(draft);\n    startCheck(draft);":
      "    if (draft.retrying) return;\n    startCheck(draft);",
  }),
  edit("reconcile leaves the backoff alone", "actor/machine/step.ts", {
    "    retryNow(draft);\n    startCheck(draft);": "    startCheck(draft);",
  }),
  edit("overflow ignored", "actor/machine/step.ts", {
    'return requestRead(draft, { causes: ["overflow"], adopter: id });': "return;",
  }),
  edit("resync ignored", "actor/machine/step.ts", {
    'return requestRead(draft, { causes: ["event"], adopter: id });': "return;",
  }),
  edit("resync taken for an overflow", "actor/machine/step.ts", {
    'metrics.malformed++;\n      return requestRead(draft, { causes: ["event"], adopter: id });':
      'metrics.overflows++;\n      return requestRead(draft, { causes: ["overflow"], adopter: id });',
  }),
  edit("late result of a read used", "actor/clock.ts", {
    "if (this.#calls.delete(controller)) done(outcome);\n":
      "if (this.#calls.delete(controller) || outcome.ok) done(outcome);\n",
  }, {
    file: "actor/machine/step.ts",
    from: "if (reading?.id !== id) return;",
    to: "if (reading === null) return;",
  }),
  edit("no canary", "actor/machine/step.ts", {
    "    startCheck(draft);\n    probe(draft);": "    startCheck(draft);",
  }),
  edit("no canary during a check", "actor/machine/step.ts", {
    "    startCheck(draft);\n    probe(draft);":
      "    if (draft.check !== null) return;\n    startCheck(draft);\n    probe(draft);",
  }),
  edit("live before the canary", "actor/machine/step.ts", {
    "  if (!socket.verified) probe(draft);": "  if (!socket.verified) draft.socketFault = null;\n" +
      "  updateStatus(draft);\n  if (!socket.verified) probe(draft);",
  }),
  edit("no read limit", "actor/clock.ts", { "    wait(limitMs);\n": "" }),
  edit("busy loop taken for a dead source", "actor/clock.ts", {
    "const SLICES = 5;": "const SLICES = 1;",
  }),
  edit("read published outside the window", "actor/machine/reads.ts", {
    "  if (draft.publishedAt + draft.config.coalesceMs > draft.now.monotonic) openWindow(draft);\n":
      "",
    "  else publish(draft, state, changes);": "  publish(draft, state, changes);",
  }),
  edit("equal states published", "actor/machine/reads.ts", {
    "if (!isFirst && changes.length === 0) {": "if (state === published) {",
  }),
  edit("refresh joins a read under way", "actor/machine/reads.ts", {
    "  const next = draft.nextRead;":
      "  const { reading } = draft;\n  if (reading !== null && tokens.length > 0) {\n" +
      "    draft.reading = { ...reading, tokens: [...reading.tokens, ...tokens] };\n    return;\n  }\n" +
      "  const next = draft.nextRead;",
  }),
  edit("raced adoption trusted", "actor/machine/step.ts", {
    "draft.mayBeStale = isRaced(draft, read) && !draft.tableless && !draft.config.polling;":
      "draft.mayBeStale = false;",
  }),
  edit("raced first read trusted", "actor/machine/step.ts", {
    "if (!socket.synced && draft.tableless && draft.changePending)": "if (draft.config.polling)",
  }),
  edit("waiting publication taken for drift", "actor/machine/reads.ts", {
    "view ?? draft.newest as State": "view ?? draft.published as State",
  }),
  edit("read begun before the last is aborted", "actor/clock.ts", {
    "      controller.abort(error);\n      fail(error);":
      "      fail(error);\n      controller.abort(error);",
  }),
  edit("end of the socket not noticed", "actor/runner.ts", {
    "      }\n    } catch (thrown) {": "      }\n      return;\n    } catch (thrown) {",
  }),
  edit("status not degraded", "actor/machine/step.ts", {
    "  draft.socketFault = reason;": "",
  }),
  edit("subscription not released", "actor/machine/step.ts", {
    '  draft.effects.push({ kind: "dispose", id: socket.id });': "",
  }),
  edit("drift found and not published", "actor/machine/step.ts", {
    '  offerRead(draft, { ...read, causes: ["reconcile"], check: false });': "",
  }),
  edit("older read published", "actor/machine/step.ts", {
    "    if (socket === null) return offerRead(draft, read);\n": "",
    "    const drift = compare(": "    if (socket === null) return offerRead(draft, read);\n" +
      "    const drift = compare(",
  }),
  edit("degraded by no failure of reads", "actor/machine/step.ts", {
    "const MAX_FAILURES = 2;": "const MAX_FAILURES = 1e9;",
  }),
  edit("degraded for ever by failed reads", "actor/machine/step.ts", {
    "  draft.readFailures = 0;\n": "",
  }),
  edit("views not paced", "actor/machine/step.ts", {
    "draft.viewsFrom = now.monotonic + restMs(now.monotonic - viewing.since);": "void restMs;",
  }),
  edit("reads without a macrotask between", "actor/machine/reads.ts", {
    "return endedAt + Math.min(rest, 1);": "return 0;",
  }),
  edit("closed is not checked after user code", "actor/streams.ts", {
    "if (!this.ended) this.#sink.deliver(snapshot);": "this.#sink.deliver(snapshot);",
  }, {
    file: "actor/runner.ts",
    from: "this.#options.ignoreInterface?.remember(sortedInterfaces(state));",
    to: "",
  }, {
    file: "actor/options.ts",
    from: "answers.get(nic) ?? false,",
    to: "ask(nic),",
  }),
  edit("predicate called after close", "actor/broadcast.ts", {
    "if (this.#watchers.has(watcher)) watcher(snapshot);": "watcher(snapshot);",
  }),
  edit("event after close", "actor/events.ts", {
    "|| this.#closed) return;": ") return;",
  }, {
    file: "actor/runner.ts",
    from: "broadcast.publish(publication);\n      if (broadcast.closed) return;",
    to: "broadcast.publish(publication);",
  }),
  edit("refresh by user code forgotten", "actor/runner.ts", {
    "if (this.#running) return void": 'if (this.#running && input.kind === "refresh") return;\n' +
      "    if (this.#running) return void",
  }),
  edit("two sleeps merged", "actor/machine/step.ts", {
    "[...draft.resumes, { at, sleptMs }]": "[{ at, sleptMs }]",
  }),
  edit("clock step taken for a sleep", "actor/machine/step.ts", {
    '    case "clock-stepped":\n':
      '    case "clock-stepped":\n      onResumed(draft, { at: draft.now.wall, sleptMs: 100 });\n',
  }),
  edit("timers running after close", "actor/clock.ts", {
    "    for (const timer of this.#timers) timer.cancel();\n": "",
  }),
  edit("later timer not unref'd", "actor/clock.ts", {
    "    if (!this.refd) timer.unref();\n": "",
  }),
  edit("later subscription not unref'd", "actor/runner.ts", {
    "          if (!this.#timers.refd) this.#applyRef(subscription);\n": "",
  }),
  edit("refresh pending after close", "actor/runner.ts", {
    "      reject(new MonitorClosedError());\n": "      void reject;\n",
  }),
  edit("settling forgotten", "actor/streams.ts", {
    "if (wait > 0) return this.#arm(wait);": "if (wait > 1e9) return this.#arm(wait);",
  }),
  edit("minor changes delivered to majorOnly", "actor/streams.ts", {
    "(!majorOnly || snapshot.major": "(true || snapshot.major",
  }),
  edit("unaffected address told", "actor/streams.ts", {
    "return this.#isAffected(this.#seen, snapshot) &&": "return true &&",
    "if (affects === null || firstAt === null) return firstAt;": "return firstAt;",
  }),
  edit("host-only ignored", "state/interfaces.ts", {
    "const usable = nic.hostOnly ? NONE : onHost;": "const usable = onHost;",
  }),
  edit("default route does not clear host-only", "state/build.ts", {
    "nic.name !== ipv4?.interface && nic.name !== ipv6?.interface": "defaultRoute !== undefined",
  }),
  edit("ports do not count", "ffi/linux/link_table.ts", {
    "if (master !== null && this.nameOf(master) !== null) found.add(master);": "",
  }),
  edit("topology of the first moment kept", "ffi/linux/link_table.ts", {
    "if (row !== undefined) this.#change(row);": "void row;",
  }),
  edit("online from addresses", "state/build.ts", {
    "online: isOnline ||": "online: (haveIpv4 || haveIpv6) || isOnline && false ||",
  }),
  edit("reason missing", "state/impact.ts", {
    "from.up === to.up && from.index === to.index": "from.up === to.up || from.index === to.index",
  }),
  edit("long sleep forgotten after a short one", "actor/broadcast.ts", {
    "if (sleep !== null && ": "if (sleep === undefined && ",
  }),
  edit("route change taken for drift", "state/diff.ts", {
    'interfaceChanges(pairInterfaces(previous, next, "given"))':
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
