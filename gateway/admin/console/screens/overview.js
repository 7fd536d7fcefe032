// How the gateway is doing: counts since its start, rates while the page is open, and what went wrong last.
import { html, useMemo } from "../dom.js";
import { byLabel, ratesOf, remember, total } from "../metrics.js";
import { age, Badge, Heading, Loaded, Panel, useWatch } from "../parts.js";
import { to } from "../route.js";
import { EventTable, useEvents } from "./events.js";

const SHOWN_FAILURES = 12;
const FAILURES = /refused|failed|drifted|quarantined|expired|stranger/;

// What is counted: a name, the counter, the labels that are good and bad, and the screen with what is behind it. What is
// `counted` from time to time has no rate, and each worker tells the same of it.
const TILES = [
  { name: "OMA DM sessions", metric: "mogate_dm_sessions_total", good: { result: "ok" }, label: "result", behind: ["live", { filter: "OMA DM" }] },
  { name: "RCC.14 documents", metric: "mogate_acs_documents_total", good: {}, label: "kind", behind: ["live", { filter: "RCC.14" }] },
  { name: "Answers to commands", metric: "mogate_dm_status_codes_total", label: "code", goodCode: /^2|^304/, behind: ["events", { filter: "value.refused" }] },
  { name: "Proofs of identity", metric: "mogate_acs_proofs_total", good: { result: ["accepted", "challenged"] }, label: "result", behind: ["events", { filter: "auth.failed" }] },
  { name: "One-time passwords", metric: "mogate_otp_total", good: { stage: ["sent", "verified"] }, label: "stage", behind: ["events", { filter: "otp." }] },
  { name: "Pushes", metric: "mogate_push_total", good: { result: ["accepted", "delivered"] }, label: "result", behind: ["messaging", {}] },
  { name: "RCC.14 clients", metric: "mogate_acs_devices_by_config_version", counted: "by the configuration they hold", good: { version: ["current"] }, label: "version", behind: ["devices", {}] },
  { name: "Last contact", metric: "mogate_devices_by_last_contact", counted: "by the time within which they were heard of", label: "within", behind: ["devices", { match: "seen>7d" }] },
];

// What is asked for: the counters of the tiles, and what health is read from.
const WANTED = [
  ...TILES.map(({ metric }) => metric), "mogate_build_info", "mogate_process_start_time_seconds", "mogate_http_requests_in_flight",
  "mogate_requests_shed_total", "mogate_loop_lag_seconds", "mogate_process_resident_memory_bytes", "mogate_work_waiting",
  "mogate_store_failures_total", "mogate_config_last_reload_success", "mogate_campaign_state",
].join(",");

export function Overview() {
  const loaded = useWatch("/metrics", { name: WANTED });
  useMemo(() => loaded.data && remember(Date.now(), loaded.data), [loaded.data]);
  return html`<${Heading} title="Overview" />
    <${Loaded} from=${loaded}>${(series) => html`
      <div class="tiles">${TILES.map((tile) => html`<${Tile} key=${tile.name} of=${tile} series=${series} />`)}</div>
      <${Health} series=${series} />`}<//>
    <${Failures} />`;
}

function Tile({ of: { name, metric, counted, good, goodCode, label, behind: [screen, query] }, series }) {
  const all = byLabel(series, metric, label, counted ? Math.max : undefined);
  const sum = all.reduce((total_, [, value]) => total_ + value, 0);
  const among = (isGood) => all.filter(([value]) => isGood(value)).reduce((total_, [, value]) => total_ + value, 0);
  const fine = goodCode ? among((code) => goodCode.test(code)) : counted ? among((value) => !good || good[label].includes(value)) : total(series, metric, good);
  const rates = counted ? [] : ratesOf(metric, {});
  const since = counted ? `${counted}; counted four times an hour` : "since the gateway started";
  return html`<section class="panel tile" aria-label=${name}>
    <h2><a href=${to([screen], query)}>${name}</a></h2>
    <p class="figure">${sum.toLocaleString("en")} ${sum > 0 && fine < sum && html`<${Badge} tone="warn">${((100 * fine) / sum).toFixed(1)} % good<//>`}</p>
    ${!counted && html`<${Spark} of=${rates} />`}
    <p class="muted">${rates.length ? `${rates.at(-1).toFixed(0)} a minute` : since}</p>
    <ul class="shares">${all.slice(0, 5).map(([value, number]) => html`<li key=${value}><span>${value}</span><span>${number.toLocaleString("en")}</span></li>`)}</ul>
  </section>`;
}

const WIDTH = 200;
const HEIGHT = 32;

// A line of the last rates, for the eye alone: the figure below says the newest one.
function Spark({ of }) {
  const top = Math.max(1, ...of);
  const points = of.map((value, place) => `${(place / Math.max(1, of.length - 1)) * WIDTH},${HEIGHT - 2 - (value / top) * (HEIGHT - 4)}`);
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><polyline points=${points.join(" ")} /></svg>`;
}

function Health({ series }) {
  const build = series.find((one) => one.name === "mogate_build_info")?.labels;
  const started = total(series, "mogate_process_start_time_seconds");
  const campaigns = (state) => html`<a href=${to(["campaigns"])}>${total(series, "mogate_campaign_state", { state })}</a>`;
  const facts = [
    ["Campaigns running", campaigns("running")],
    ["paused", campaigns("paused")],
    ["Version", build && [build.version, build.commit !== "unknown" && build.commit.slice(0, 12)].filter(Boolean).join(" ")],
    ["Up for", started && age(new Date(started * 1000).toISOString()).replace(" ago", "")],
    ["Requests under way", total(series, "mogate_http_requests_in_flight")],
    ["Turned away for load", total(series, "mogate_requests_shed_total")],
    ["Event loop late by", `${(1000 * total(series, "mogate_loop_lag_seconds")).toFixed(0)} ms`],
    ["Memory", `${(total(series, "mogate_process_resident_memory_bytes") / 2 ** 20).toFixed(0)} MiB`],
    ["Work waiting", total(series, "mogate_work_waiting")],
    ["Store failures", total(series, "mogate_store_failures_total")],
    ["Files as last read", total(series, "mogate_config_last_reload_success") ? "in order" : "refused"],
  ];
  return html`<section class="health" aria-label="Health">${facts.map(([name, value]) => html`<div key=${name}><span class="muted">${name}</span> <b>${value}</b></div>`)}</section>`;
}

function Failures() {
  const loaded = useEvents({});
  return html`<${Panel} title="What went wrong last" aside=${html`<a href="#/events">All events</a>`}>
    <${Loaded} from=${loaded}>${(events) => html`<${EventTable} of=${events.filter((event) => FAILURES.test(event.kind)).reverse().slice(0, SHOWN_FAILURES)} />`}<//>
  <//>`;
}
