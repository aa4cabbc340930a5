/**
 * Answers the requests for the page and for its events.
 *
 * @module
 */
import { formatChange, formatReason, type NetworkMonitor, type Snapshot } from "@netwatch/netwatch";
import script from "./client.js" with { type: "text" };
import markup from "./page.html" with { type: "text" };
import styles from "./style.css" with { type: "text" };
import { createView } from "./view.ts";

/** Entries of the timeline that a new client gets. */
const TIMELINE_MAX = 200;

/** Lines of one entry. */
const LINES_MAX = 50;

/** Open event streams; more are refused. */
const CLIENTS_MAX = 100;

/** Health and metrics are sent this often, and the page notices a lost connection by their absence. */
const HEARTBEAT_MS = 5_000;

const HEADERS = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** One publication, as the page shows it. */
interface Entry {
  readonly sequence: number;
  readonly at: number;
  readonly cause: string;
  readonly reasons: readonly string[];
  /** Those that are not among the reasons. */
  readonly changes: readonly string[];
}

/** The page and its events. It ends with the monitor. */
export class Dashboard {
  readonly #monitor: NetworkMonitor;
  readonly #hostname: string;
  readonly #page: string;
  readonly #policy: string;
  readonly #timeline: Entry[] = [];
  #view = "";
  #clients = 0;
  #isClosed = false;
  #updated = Promise.withResolvers<void>();

  private constructor(monitor: NetworkMonitor, hostname: string, page: string, policy: string) {
    this.#monitor = monitor;
    this.#hostname = hostname.toLowerCase();
    this.#page = page;
    this.#policy = policy;
  }

  /**
   * Starts to collect the timeline.
   *
   * @param monitor Whose network to show.
   * @param hostname The name or address that the server listens on.
   * @returns The dashboard.
   */
  static async create(monitor: NetworkMonitor, hostname: string): Promise<Dashboard> {
    const page = markup.replace("/* style.css */", () => styles)
      .replace("// client.js", () => script);
    const policy = [
      "default-src 'none'",
      `script-src '${await hashOf(page, "script")}'`,
      `style-src '${await hashOf(page, "style")}'`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; ");
    const dashboard = new Dashboard(monitor, hostname, page, policy);
    dashboard.#update();
    void dashboard.#collect();
    return dashboard;
  }

  /**
   * Answers a request.
   *
   * @param request The request.
   * @returns The page, the events or an error.
   */
  handle(request: Request): Response {
    const { method, url, headers } = request;
    if (!isTrusted(headers, this.#hostname)) {
      return refuse(
        403,
        "Forbidden: open this page by an address of the machine, or start it with --hostname NAME",
      );
    }
    const pathname = URL.parse(url)?.pathname;
    if (pathname !== "/" && pathname !== "/events") return refuse(404, "Not found");
    if (method !== "GET" && method !== "HEAD") return refuse(405, "Method not allowed");
    if (pathname === "/") {
      return new Response(this.#page, {
        headers: {
          ...HEADERS,
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": this.#policy,
        },
      });
    }
    if (this.#clients >= CLIENTS_MAX) return refuse(503, "Too many clients");
    const body = method === "HEAD" ? null : this.#events();
    return new Response(body, { headers: { ...HEADERS, "content-type": "text/event-stream" } });
  }

  /** Nothing is queued for a slow client: it gets what is new when it reads again. */
  #events(): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let reset = true;
    let sent = 0;
    let updated = Promise.resolve();
    this.#clients++;
    return new ReadableStream({
      pull: async (controller) => {
        await updated;
        if (this.#isClosed) return controller.close();
        updated = this.#updated.promise;
        const entries = this.#timeline.filter(({ sequence }) => sequence > sent);
        const data = `{"reset":${reset},"entries":${JSON.stringify(entries)},"view":${this.#view}}`;
        reset = false;
        sent = this.#timeline.at(-1)?.sequence ?? 0;
        controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      },
      cancel: () => void this.#clients--,
    }, { highWaterMark: 0 });
  }

  async #collect(): Promise<void> {
    const heartbeat = setInterval(() => this.#update(), HEARTBEAT_MS);
    for await (const snapshot of this.#monitor.snapshots({ initial: false })) {
      this.#timeline.push(entryOf(snapshot));
      if (this.#timeline.length > TIMELINE_MAX) this.#timeline.shift();
      this.#update();
    }
    clearInterval(heartbeat);
    this.#isClosed = true;
    this.#updated.resolve();
  }

  #update(): void {
    this.#view = JSON.stringify(createView(this.#monitor));
    this.#updated.resolve();
    this.#updated = Promise.withResolvers();
  }
}

/**
 * Whether the request comes from this page. A foreign page can point a name of its own at this server (DNS
 * rebinding) but not an address, so addresses are safe; and it can send requests, but not with our origin.
 */
function isTrusted(headers: Headers, hostname: string): boolean {
  const host = URL.parse(`http://${headers.get("host")}`);
  if (host === null) return false;
  const isAddress = /^\[|^\d+(\.\d+){3}$/.test(host.hostname); // URL normalizes 127.1 and 0x7f000001
  if (!isAddress && host.hostname !== "localhost" && host.hostname !== hostname) return false;
  const origin = headers.get("origin");
  if (origin !== null && URL.parse(origin)?.host !== host.host) return false;
  const site = headers.get("sec-fetch-site"); // "none": typed by the user
  return site === null || site === "same-origin" || site === "none" ||
    headers.get("sec-fetch-mode") === "navigate"; // a link to the page
}

function refuse(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: HEADERS });
}

function entryOf({ sequence, at, cause, reasons, changes }: Snapshot): Entry {
  const why = reasons.map(formatReason);
  const others = changes.map(formatChange).filter((text) => !why.includes(text));
  return { sequence, at, cause, reasons: limited(why), changes: limited(others) };
}

function limited(lines: readonly string[]): readonly string[] {
  if (lines.length <= LINES_MAX) return lines;
  return [...lines.slice(0, LINES_MAX), `and ${lines.length - LINES_MAX} more`];
}

/** The hash by which the policy allows an inline element. */
async function hashOf(page: string, element: string): Promise<string> {
  const [, content = ""] = page.split(new RegExp(`<${element}>|</${element}>`));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content));
  return `sha256-${new Uint8Array(digest).toBase64()}`;
}
