/**
 * The bugs that are planted: each has been made in the field, or is one step away from the code.
 *
 * @module
 */
import type { Edit } from "./copy.ts";
import type { Quirks } from "./parts.ts";

/** A bug. */
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
    "  draft.socket = { ...socket, based: true };":
      "  if (!socket.proven) seen = draft.newest ?? seen;\n  draft.socket = { ...socket, based: true };",
  }),
  edit("debounce restarted by each event", "actor/machine/coalesce.ts", {
    "  addCauses(draft, [cause]);\n  if (isDue(draft)) takeView(draft);\n  else openWindow(draft);":
      "  addCauses(draft, [cause]);\n  openWindow(draft);",
    "  if (draft.window) return;\n  draft.window = true;": "  draft.window = true;",
    "const ms = draft.publishedAt + draft.config.coalesceMs - draft.now.monotonic;":
      "const ms = draft.config.coalesceMs;",
  }),
  edit("states compared without flags", "state/normalize.ts", {
    "    a.tentative === b.tentative && a.duplicated === b.duplicated &&\n": "",
    "    a.deprecated === b.deprecated && a.temporary === b.temporary && a.permanent === b.permanent;":
      "    true;",
  }),
  edit("table compared without flags", "ffi/linux/link_table.ts", {
    "a.tentative === b.tentative &&": "",
    "a.deprecated === b.deprecated && a.temporary === b.temporary && a.permanent === b.permanent":
      "a.permanent === b.permanent",
    "a.duplicated === b.duplicated &&": "",
  }),
  edit("addresses keyed without peer", "ffi/linux/link_table.ts", {
    "return peer === null ? cidr : `${cidr} ${peer}`;": "return peer === null ? cidr : cidr;",
  }),
  edit("addresses keyed without prefix", "ffi/linux/link_table.ts", {
    "return peer === null ? cidr : `${cidr} ${peer}`;":
      "return peer === null ? address : `${cidr} ${peer}`;",
  }),
  edit("addresses shown without prefix", "state/normalize.ts", {
    "return key + CHARACTERS[prefixLength];": "return key;",
  }),
  edit("queue of a subscriber unbounded", "actor/streams/snapshot_stream.ts", {
    "    if (this.#wanted) this.#consider();\n  }\n\n  /** Ends":
      "    this.#wanted = true;\n    this.#consider();\n  }\n\n  /** Ends",
  }),
  edit("no second look before drift", "actor/machine/reconcile.ts", {
    "if (quiet || check.looks >= LOOKS_MAX)": "if (quiet || check.looks >= 1)",
  }),
  edit("reconcile waits for the backoff", "actor/machine/reconcile.ts", {
    "  retryNow(draft);\n  probe(draft);":
      '  if (draft.socket.kind === "waiting") return;\n  probe(draft);',
  }),
  edit("reconcile leaves the backoff alone", "actor/machine/reconcile.ts", {
    "  retryNow(draft);\n  probe(draft);": "  probe(draft);",
  }),
  edit("overflow ignored", "actor/machine/step.ts", {
    'return requestRead(draft, { causes: ["overflow"], base: id });': "return;",
  }),
  edit("late result of a read used", "actor/call_with_timeout.ts", {
    "if (this.#pending.delete(controller)) done(outcome);\n":
      "if (this.#pending.delete(controller) || outcome.ok) done(outcome);\n",
  }, {
    file: "actor/machine/step.ts",
    from: "  if (read?.id !== id) return;\n  draft.reading = null;\n  draft.readFailing = false;",
    to: "  if (read === null) return;\n  draft.reading = null;\n  draft.readFailing = false;",
  }),
  edit("no canary", "actor/machine/reconcile.ts", {
    "  probe(draft);\n  startCheck": "  startCheck",
  }),
  edit("canary forgotten during a check", "actor/machine/reconcile.ts", {
    "  probe(draft);\n  startCheck":
      "  if (draft.check !== null) return;\n  probe(draft);\n  startCheck",
  }),
  edit("live before the canary", "actor/machine/subscription.ts", {
    "  if (!socket.proven) probe(draft);":
      '  if (!socket.proven) setStatus(draft, "live", null);\n  if (!socket.proven) probe(draft);',
  }),
  edit("no read limit", "actor/call_with_timeout.ts", { "    wait(limitMs);\n": "" }),
  edit("busy loop taken for a dead source", "actor/call_with_timeout.ts", {
    "const SLICES = 5;": "const SLICES = 1;",
  }),
  edit("truth published outside the window", "actor/machine/coalesce.ts", {
    "  draft.awaiting = [...draft.awaiting, ...tokens];\n  if (isDue(draft)) publish":
      "  draft.awaiting = [...draft.awaiting, ...tokens];\n  if (true) publish",
  }),
  edit("equal states published", "actor/machine/coalesce.ts", {
    "equalStates(state, draft.published)) {": "state === draft.published) {",
  }),
  edit("refresh joins a read under way", "actor/machine/reads.ts", {
    "if (draft.reading === null) beginRead(draft, request);":
      "if (draft.reading !== null && request.tokens.length > 0) {\n" +
      "    draft.reading = { ...draft.reading, tokens: [...draft.reading.tokens, ...request.tokens] };\n" +
      "  } else if (draft.reading === null) beginRead(draft, request);",
  }),
  edit("raced adoption trusted", "actor/machine/subscription.ts", {
    "draft.unsure = isRaced(draft, read) && !draft.tableless && !draft.config.polling;":
      "draft.unsure = false;",
  }),
  edit("raced first read trusted", "actor/machine/subscription.ts", {
    "if (!socket.based && draft.tableless && draft.stale)": "if (draft.config.polling)",
  }),
  edit("waiting publication taken for drift", "actor/machine/reconcile.ts", {
    "(view ?? draft.newest as Seen).state": "(view?.state ?? draft.published as State)",
  }),
  edit("read begun before the last is aborted", "actor/call_with_timeout.ts", {
    "      controller.abort(error);\n      finish({ ok: false, error });":
      "      finish({ ok: false, error });\n      controller.abort(error);",
  }),
  edit("end of the socket not noticed", "actor/runner.ts", {
    '      }\n    } catch (thrown) {\n      error = thrown ?? new Error("The subscription failed':
      '      }\n      return;\n    } catch (thrown) {\n      error = thrown ?? new Error("The subscription failed',
  }),
  edit("status not degraded", "actor/machine/subscription.ts", {
    '  setStatus(draft, "degraded", reason);': "",
  }),
  edit("subscription not released", "actor/machine/subscription.ts", {
    '  draft.effects.push({ kind: "dispose", id: socket.id });': "",
  }),
  edit("drift found and not published", "actor/machine/reconcile.ts", {
    '"warn");\n  offer(draft, truth, ["reconcile"]);': '"warn");',
  }),
  edit("two sleeps told as one", "actor/machine/step.ts", {
    "[...draft.resumes, { at, sleptMs }]": "[{ at, sleptMs }]",
  }),
  edit("clock step told as a sleep", "actor/machine/step.ts", {
    '    case "clock-stepped":\n':
      '    case "clock-stepped":\n      onResumed(draft, draft.now.wall, 100);\n',
  }),
  edit("timers left after close", "actor/runner.ts", { "    this.#timers.clear();\n": "" }),
  edit("refresh left after close", "actor/runner.ts", {
    "refresh.reject(new MonitorClosedError());\n    this.#refreshes.clear()":
      "void refresh;\n    this.#refreshes.clear()",
  }),
  edit("settling forgotten", "actor/streams/snapshot_stream.ts", {
    "if (wait > 0) {": "if (wait > 1e9) {",
  }),
  edit("minor told to majorOnly", "actor/streams/snapshot_stream.ts", {
    "return !this.#options.majorOnly ||": "return !this.#options.majorOnly || true ||",
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
