// Runs in the browser. All text is set as textContent, never as HTML.

/** The server sends something every 5 seconds. */
const SILENCE_MAX_MS = 12_000;
const RETRY_MS = 1_000;
const TIMELINE_MAX = 200;

const byId = (id) => document.getElementById(id);

/** What each part shows, as JSON: a part that has not changed keeps its elements, selection and focus. */
const shown = new Map();

let source;
let silence;

connect();
byId("major-only").addEventListener("change", ({ target }) => {
  byId("timeline").classList.toggle("major-only", target.checked);
});
byId("show-all").addEventListener("change", ({ target }) => {
  byId("timeline").classList.toggle("all", target.checked);
});

function connect() {
  source = new EventSource("events");
  source.onmessage = ({ data }) => {
    clearTimeout(silence);
    silence = setTimeout(reconnect, SILENCE_MAX_MS);
    showConnection(true);
    show(JSON.parse(data));
  };
  source.onerror = reconnect; // not every browser retries when the connection is refused
}

function reconnect() {
  source.close();
  clearTimeout(silence);
  showConnection(false);
  setTimeout(connect, RETRY_MS);
}

function showConnection(isLive) {
  const text = isLive ? "Live" : "Connection lost. Reconnecting…";
  if (byId("connection").textContent !== text) byId("connection").textContent = text;
  document.body.classList.toggle("lost", !isLive);
}

function show({ reset, entries, view }) {
  showEntries(reset, entries);
  showPart("online", view.online, (part) => {
    part.textContent = view.online;
    document.title = `${view.online} · netwatch`;
    document.body.dataset.online = view.online;
  });
  showPart("summary", view.summary, (part) => part.textContent = view.summary);
  for (const id of ["routes", "health", "metrics"]) {
    showPart(id, view[id], (part) => part.replaceChildren(...view[id].flatMap(rowElements)));
  }
  const hostOnly = view.interfaces.filter((card) => card.hostOnly);
  showCards("interfaces", view.interfaces.filter((card) => !card.hostOnly));
  showCards("host-only", hostOnly);
  byId("host-only-details").hidden = hostOnly.length === 0;
  byId("host-only-summary").textContent = `Host-only (${hostOnly.length})`;
  byId("left-out").textContent = view.interfacesLeftOut === 0
    ? ""
    : `and ${view.interfacesLeftOut} more`;
}

function showPart(id, value, render) {
  const json = JSON.stringify(value);
  if (shown.get(id) === json) return;
  shown.set(id, json);
  render(byId(id));
}

/** Replaces only the cards that differ. */
function showCards(id, cards) {
  showPart(id, cards, (list) => {
    const old = new Map([...list.children].map((item) => [item.dataset.json, item]));
    list.replaceChildren(...cards.map((card) => {
      const json = JSON.stringify(card);
      const item = old.get(json) ?? cardElement(card);
      item.dataset.json = json;
      return item;
    }));
  });
}

function showEntries(reset, entries) {
  const list = byId("timeline");
  if (reset) list.replaceChildren();
  for (const entry of entries) list.prepend(entryElement(entry));
  while (list.children.length > TIMELINE_MAX) list.lastElementChild.remove();
  byId("quiet").hidden = list.children.length > 0;
}

function entryElement({ at, cause, reasons, changes }) {
  const badges = [];
  if (cause !== "event") badges.push(element("span", "badge", cause));
  if (reasons.length > 0) badges.push(element("span", "badge major", "major"));
  const head = element("p", "head", [timeElement(at), ...badges]);
  const lines = element("ul", "lines", changes.map((text) => element("li", "", text)));
  const why = reasons.map((text) => element("p", "reason", text));
  return element("li", reasons.length > 0 ? "entry major" : "entry", [head, ...why, lines]);
}

function cardElement({ name, badges, addresses, rows }) {
  return element("li", "card", [
    element("h3", "", name),
    element(
      "p",
      "badges",
      badges.map((text) => {
        return element("span", `badge ${text.replace(" ", "-")}`, text);
      }),
    ),
    element("ul", "addresses", addresses.map((text) => element("li", "", text))),
    element("dl", "", rows.flatMap(rowElements)),
  ]);
}

function rowElements([label, value]) {
  const content = typeof value === "number" ? [timeElement(value)] : value;
  return [element("div", "", [element("dt", "", label), element("dd", "", content)])];
}

function timeElement(at) {
  const date = new Date(at);
  const time = element("time", "", date.toLocaleTimeString());
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  return time;
}

/** Creates an element with a text or with children. */
function element(name, className, content) {
  const created = document.createElement(name);
  if (className !== "") created.className = className;
  if (typeof content === "string") created.textContent = content;
  else {
    // A space between inline children, for screen readers and for copied text.
    for (const child of content) created.append(child, name === "p" ? " " : "");
  }
  return created;
}
