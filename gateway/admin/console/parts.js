// What several screens show alike.
import { download, follow, get, may, watch } from "./api.js";
import { html, useEffect, useRef, useState } from "./dom.js";
import { to } from "./route.js";

// Loads when `keys` change, and every `seconds` while the page can be seen. Gives { data, problem, loading, reload }.
// What was loaded stays until it is replaced when only `again` has changed.
export function useLoad(load, keys, seconds = 0, again = "") {
  const [state, setState] = useState({ loading: true });
  const turn = useRef(0);
  const reload = async () => {
    const mine = ++turn.current;
    try {
      const data = await load();
      if (mine === turn.current) setState({ data });
    } catch (problem) {
      if (mine === turn.current) setState((before) => ({ data: before.data, problem }));
    }
  };
  const loaded = useRef(again);
  useEffect(() => {
    if (loaded.current !== again) reload();
    loaded.current = again;
  }, [again]);
  const newest = useRef(reload);
  newest.current = reload;
  useEffect(() => {
    setState({ loading: true });
    reload();
    return () => turn.current++;
  }, keys);
  useEffect(() => {
    const timer = seconds && setInterval(() => document.hidden || newest.current(), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return { ...state, reload };
}

// A list to which what is new comes as it happens, while the page can be seen and `on` is true. `first` is asked for in the
// beginning, `newest` gives the place in it to go on from, and `join` puts what is new to what is there.
export function useNews({ path, query = {}, first, newest, join, on = true }) {
  const [state, setState] = useState({});
  const cursor = useRef({});
  const fail = (problem) => setState(({ data }) => ({ data, problem }));
  const read = async (signal) => {
    const place = cursor.current;
    try {
      if (!place.begun) {
        const data = await get(path, { ...query, ...first });
        if (signal.aborted) return;
        Object.assign(place, { begun: true, last: newest(data) });
        setState({ data });
      }
      if (on) await follow(path, query, place, (rows) => setState(({ data }) => ({ data: join(data, rows) })), signal, (_, problem) => fail(problem));
    } catch (problem) {
      if (!signal.aborted) fail(problem);
    }
  };
  const forget = () => {
    cursor.current = {};
    setState({});
  };
  useWhileSeen(read, [path, JSON.stringify(query), on], forget);
  return state;
}

// What is at a path, as it is now and as it changes, while the page can be seen. Gives { data, problem, reload }.
export function useWatch(path, query = {}) {
  const [state, setState] = useState({});
  const take = (data) => setState({ data });
  const fail = (problem) => setState(({ data }) => ({ data, problem }));
  const reload = () => get(path, query).then(take, fail);
  useWhileSeen((signal) => watch(path, query, take, fail, signal), [path, JSON.stringify(query)], () => setState({}));
  return { ...state, reload };
}

// Calls `told` whenever something happens to a subscriber. Gives whether it would: who cannot be told has to ask.
export function useTold(subscriberId, told) {
  const [stands, setStands] = useState(false);
  const newest = useRef(told);
  newest.current = told;
  useWhileSeen((signal) => {
    if (!may("events:read")) return;
    follow("/events", { subscriber: subscriberId }, {}, () => newest.current(), signal, setStands).catch(() => setStands(false));
  }, [subscriberId]);
  return stands;
}

// Runs what goes on until its signal, each time that the page comes to be seen; `forget` is called when `keys` change.
function useWhileSeen(run, keys, forget = () => {}) {
  useEffect(() => {
    let running = new AbortController();
    const look = () => {
      running.abort();
      running = new AbortController();
      if (!document.hidden) run(running.signal);
    };
    forget();
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      running.abort();
    };
  }, keys);
}

// Runs an action of the user's and says how it stands: [run, { busy, problem, done }].
export function useAction(action) {
  const [state, setState] = useState({});
  const run = async (...given) => {
    setState({ busy: true });
    try {
      const done = await action(...given);
      setState({ done: done ?? true });
    } catch (problem) {
      setState({ problem });
    }
  };
  return [run, state, () => setState({})];
}

// A button for what cannot be taken back: it asks once more before it acts. `of` says what it is for, where that is not plain.
export function Grave({ name, of, disabled, act }) {
  const [asked, setAsked] = useState(false);
  const press = () => {
    setAsked(!asked);
    if (asked) act();
  };
  const said = asked ? `Really ${name.toLowerCase()}?` : name;
  return html`<button type="button" class=${of ? "grave small" : "grave"} aria-label=${of && `${said} ${of}`} disabled=${disabled} onClick=${press} onBlur=${() => setAsked(false)}>${said}</button>`;
}

export function Problem({ of }) {
  return of ? html`<p class="notice bad" role="alert">${prose(of.message)}</p>` : null;
}

// A text whose commands stand between backticks, with these as code.
export const prose = (text) => text.split("`").map((part, place) => (place % 2 ? html`<code>${part}</code>` : part));

// The loaded part of a screen, or why there is none; below a heading of that `title` until the part brings its own.
export function Loaded({ from, title, children }) {
  if (from.data !== undefined) return html`<${Problem} of=${from.problem} />${children(from.data)}`;
  const heading = title && html`<${Heading} title=${title} />`;
  if (from.problem) return html`${heading}<${Problem} of=${from.problem} />${from.reload && html`<button type="button" onClick=${from.reload}>Try again</button>`}`;
  return html`${heading}<p class="muted loading">Loading …</p>`;
}

export function Panel({ title, aside, children }) {
  return html`<section class="panel" aria-label=${title}>
    <header><h2>${title}</h2>${aside}</header>
    ${children}
  </section>`;
}

// Pairs of a name and a value; pairs without a value are left out.
export function Facts({ of }) {
  const rows = of.filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false);
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

const TONES = {
  good: ["active", "acknowledged", "read back", "delivered", "contacted", "done", "up to date", "ok", "finished"],
  bad: ["refused", "failed", "disabled permanently", "expired", "disabled"],
  warn: ["read back, differs", "sent, not answered", "dormant", "waiting for user", "disabled by user", "not up to date", "paused", "stopped", "waiting", "rejected"],
};
const TONE_OF = Object.fromEntries(Object.entries(TONES).flatMap(([tone, words]) => words.map((word) => [word, tone])));

export const toneOf = (word) => TONE_OF[word] ?? "";

// A word of state. Its tone follows from the word unless it is given.
export function Badge({ children, tone }) {
  const text = [].concat(children).join("");
  const word = /\s/.test(text) ? text : text.replaceAll("_", " ");
  return html`<span class="badge ${tone ?? toneOf(word)}">${word}</span>`;
}

const AGES = [[60, 1, "s"], [3600, 60, "min"], [86_400, 3600, "h"], [Infinity, 86_400, "d"]];

export function age(text, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - Date.parse(text)) / 1000));
  const [, unit, name] = AGES.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit)} ${name} ago`;
}

export const clock = {
  utc: localStorage.getItem("clock") === "utc",
  toggle() {
    clock.utc = !clock.utc;
    localStorage.setItem("clock", clock.utc ? "utc" : "local");
  },
};

// A moment as a field for date and time holds it, and what is in such a field as a moment.
export const toField = (moment) => (moment ? timeOf(moment).slice(0, 16).replace(" ", "T") : "");
export const ofField = (text) => (text ? new Date(clock.utc ? `${text}Z` : text).toISOString() : "");

export function timeOf(text, withDate = true) {
  const time = new Date(text);
  const shown = clock.utc ? time : new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  const [date, rest] = shown.toISOString().split("T");
  const hours = rest.slice(0, 8);
  return `${withDate ? `${date} ` : ""}${hours}${clock.utc ? "Z" : ""}`;
}

const TICK_SECONDS = 5;
const ticking = new Set();
setInterval(() => document.hidden || ticking.forEach((draw) => draw((times) => times + 1)), TICK_SECONDS * 1000);

// Draws a component anew every few seconds, as long as `on`: what it says grows old.
function useTick(on) {
  const [, draw] = useState(0);
  useEffect(() => {
    if (on) ticking.add(draw);
    return () => ticking.delete(draw);
  }, [Boolean(on)]);
}

const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;

// A text of the gateway's with moments in it, as the clock here has them.
export const localised = (text) => text.replace(MOMENT, (at) => timeOf(at));

// A moment: how long ago, with the time itself on hover; or the time itself when `exact`.
export function When({ at, exact, never = "never" }) {
  useTick(at && !exact);
  if (!at) return html`<span class="muted">${never}</span>`;
  const full = timeOf(at);
  return html`<time datetime=${at} title=${full}>${exact ? full : age(at)}</time>`;
}

const SAID_MS = 2000;

// Has a screen reader say it; the frame has the place for that.
export function announce(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

// A button that copies; `of` says what, for those who do not see what it stands beside. That it was copied is said aloud as well.
export function Copy({ text, label = "Copy", of = "" }) {
  const [said, setSaid] = useState("");
  const tell = (word) => {
    setSaid(word);
    announce(`${word} ${of}`.trim());
    setTimeout(() => setSaid(""), SAID_MS);
  };
  const copy = () => navigator.clipboard.writeText(text).then(() => tell("Copied"), () => tell("Cannot copy"));
  return html`<button type="button" class="quiet small" aria-label=${of && `Copy ${of}`} onClick=${copy}>${said || label}</button>`;
}

// What people take elsewhere, such as a number or the name of a node, with a button that copies it.
export function Taken({ text, of, children }) {
  return text ? html`<span class="taken">${children ?? text}<${Copy} text=${text} of=${`${of} ${text}`} /></span>` : null;
}

// The command that does the same on a terminal.
export function Command({ line }) {
  return html`<p class="command"><code>${line}</code><${Copy} text=${line} of="the command" /></p>`;
}

// The name of a node, which may break between its segments.
export function Node({ of }) {
  return html`${of.split("/").map((segment, place) => (place ? html`/<wbr />${segment}` : segment))}`;
}

// Links between views of one thing; `of` is [key, label, address] each.
export function Tabs({ of, current, label }) {
  return html`<nav class="tabs" aria-label=${label}>
    ${of.map(([key, name, href]) => html`<a key=${key} href=${href} aria-current=${key === current ? "page" : undefined}>${name}</a>`)}
  </nav>`;
}

// A choice of one; `of` is [value, text] each.
export function Choice({ label, name, of, value }) {
  return html`<label class="field"><span>${label}</span><select name=${name}>${of.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}</select></label>`;
}

export function Filter({ value, onInput, label = "Filter" }) {
  return html`<input
    class="filter" type="search" value=${value} placeholder=${label} aria-label=${label} autocomplete="off" spellcheck=${false}
    onInput=${(event) => onInput(event.target.value)}
  />`;
}

// A table that scrolls sideways on its own, so that the page never does.
export function Table({ head, children, label, empty = "Nothing yet." }) {
  const rows = [].concat(children ?? []).flat();
  if (!rows.length) return html`<p class="muted empty">${empty}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>
    <table>
      <thead><tr>${head.map((name) => html`<th scope="col" key=${name}>${name}</th>`)}</tr></thead>
      <tbody>${rows}</tbody>
    </table>
  </div>`;
}

// The whole list as a file, of which a screen shows a page.
export function Export({ path, query, name, children }) {
  const [run, { busy, problem }] = useAction(() => download(path, query, name));
  return html`<button type="button" class=${children ? "" : "quiet"} disabled=${busy} onClick=${run}>${busy ? "Exporting …" : (children ?? "Export as CSV")}</button><${Problem} of=${problem} />`;
}

// The ways to the other pages of a list: `page` is the present one, full when there are `size` of it.
export function Pager({ path, query, page, size, first = "First page", next = "Next page" }) {
  const { after, ...rest } = query;
  return html`<p class="pager">
    ${after && html`<a class="button" href=${to(path, rest)}>${first}</a>`}
    ${page.length === size && html`<a class="button" href=${to(path, { ...rest, after: page.at(-1).id })}>${next}</a>`}
  </p>`;
}

// The heading of a screen, which is also the title of the page.
export function Heading({ children, title }) {
  useEffect(() => {
    document.title = `${title} · MOGate`;
  }, [title]);
  return html`<h1>${children ?? title}</h1>`;
}
