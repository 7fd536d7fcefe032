// Devices of the whole fleet by what they have in common, and one act for all that are chosen.
import { call, get, may, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Command, Export, Heading, Loaded, Pager, Panel, Problem, Table, useAction, useLoad, When } from "../parts.js";
import { go, to } from "../route.js";
import { protocolName } from "../sessions.js";
import { SavedViews } from "../views.js";
import { Builder } from "./filter.js";
import { beginCampaign } from "./wizard.js";

const PAGE = 100;
const SAMPLE = 5;
const BATCH = 1000;
const MOST_CHOSEN = 10_000;
const SHOWN_RESULTS = 500;
const AT_ONCE = 6;
const EXAMPLE = "plan=premium; model=B7; seen>30d";

// What can be done with each chosen device: its permission, and the call.
const ACTS = {
  reach: { name: "See to it that they call", needs: "reach:write", act: (id) => call("POST", `/devices/${segment(id)}/reach`, { body: {} }) },
  set: { name: "Set a value", needs: "subscribers:write", asks: "NODE=VALUE", act: (id, given) => change(id, { set: valueOf(given) }) },
  unset: { name: "Take a value back", needs: "subscribers:write", asks: "NODE", act: (id, given) => change(id, { unset: [given.trim()] }) },
  trace: { name: "Trace in full for an hour", needs: "trace:write", act: (id) => call("PUT", `/devices/${segment(id)}/trace`, { body: { minutes: 60 } }) },
};

const change = (id, body) => call("PATCH", `/subscribers/${segment(id)}/values`, { body });

function valueOf(given) {
  const [node, ...rest] = given.split("=");
  if (!rest.length) throw new Error(`${given} is no NODE=VALUE, such as ims/Timer_T1=3000`);
  return { [node.trim()]: rest.join("=").trim() };
}

export function Devices({ query: { match = "", after = "" } }) {
  const [chosen, setChosen] = useState(new Set());
  const [columns, setColumns] = useColumns();
  const loaded = useLoad(() => get("/devices", { match, after, limit: PAGE }), [match, after]);
  const find = (text) => {
    setChosen(new Set());
    go(["devices"], { match: text.trim() });
  };
  return html`<${Heading} title="Devices" />
    <${Search} key=${match} match=${match} find=${find} />
    <${Loaded} from=${loaded}>${(page) => html`
      <${Bulk} of=${[...chosen]} />
      <div class="tools"><${AllMatching} match=${match} choose=${setChosen} /><${Export} path="/devices" query=${{ match }} name="devices.csv" />
        <details class="columns"><summary>Columns</summary><div class="row" role="group" aria-label="Columns">
          ${Object.entries(COLUMNS).map(([key, [name]]) => html`<label class="check" key=${key}><input type="checkbox" checked=${columns.includes(key)} onChange=${() => setColumns(key)} /> ${name}</label>`)}
        </div></details></div>
      <${Found} of=${page} columns=${columns} chosen=${chosen} choose=${setChosen} />
      <${Pager} path=${["devices"]} query=${{ match, after }} page=${page} size=${PAGE} />
      <${Command} line=${`mogate device list${match && ` --match '${match}'`}`} />`}<//>
    <${SavedViews} screen="devices" />`;
}

// The expression of a search, as text or as rows that write it.
function Search({ match, find }) {
  const [text, setText] = useState(match);
  return html`<form class="stack" role="search" aria-label="Devices" onSubmit=${(event) => { event.preventDefault(); find(text); }}>
    <div class="row fields">
      <label class="field wide"><span>Devices that match; empty: all</span><input name="match" value=${text} onInput=${(event) => setText(event.target.value)} placeholder=${EXAMPLE} autocomplete="off" spellcheck=${false} /></label>
      <button type="submit" class="main">Find</button>
    </div>
    <${Builder} text=${text} write=${setText} />
  </form>`;
}

// What can be shown of a device: the head of its column, and the cell.
const COLUMNS = {
  imei: ["IMEI", (one) => one.imei],
  phone: ["Phone", (one) => `${one.manufacturer} ${one.model}`.trim()],
  software: ["Software", (one) => one.software],
  plan: ["Plan", (one) => one.plan],
  tenant: ["Tenant", (one) => one.tenant],
  subscriber: ["Subscriber", (one) => one.subscriber_id],
  protocols: ["Protocols", (one) => one.protocols.map(protocolName).join(", ")],
  seen: ["Last seen", (one) => html`<${When} at=${one.last_seen_at} />`],
};
const USUAL = ["imei", "phone", "software", "plan", "protocols", "seen"];

// The columns that are shown, kept in this browser; and what shows or hides one.
function useColumns() {
  const [shown, setShown] = useState(() => localStorage.getItem("device-columns")?.split(",") ?? USUAL);
  // Of two that are quick the second goes by what the first left, drawn or not.
  const toggle = (key) => setShown((before) => {
    const next = Object.keys(COLUMNS).filter((one) => before.includes(one) !== (one === key));
    localStorage.setItem("device-columns", next.join(","));
    return next;
  });
  return [shown, toggle];
}

// Chooses all that the search finds, on whatever page.
function AllMatching({ match, choose }) {
  const [collect, { busy, problem }] = useAction(async () => {
    const ids = [];
    let page = [];
    do {
      page = await get("/devices", { match, after: ids.at(-1), limit: BATCH });
      ids.push(...page.map(({ id }) => id));
    } while (page.length === BATCH && ids.length < MOST_CHOSEN);
    if (page.length === BATCH) throw new Error(`More than ${MOST_CHOSEN.toLocaleString("en")} devices match. Begin a campaign for them: it takes as many as there are, and can be stopped.`);
    choose(new Set(ids));
  });
  return html`<button type="button" disabled=${busy} onClick=${collect}>${busy ? "Counting …" : "Choose all that match"}</button>
    ${may("campaigns:write") && html`<button type="button" onClick=${() => beginCampaign([], match)}>Campaign for all that match …</button>`}
    <${Problem} of=${problem} />`;
}

function Found({ of: page, columns, chosen, choose }) {
  const cells = columns.filter((key) => COLUMNS[key]).map((key) => [key, ...COLUMNS[key]]);
  const all = page.length > 0 && page.every(({ id }) => chosen.has(id));
  const put = (ids, wanted) => {
    const next = new Set(chosen);
    for (const id of ids) wanted ? next.add(id) : next.delete(id);
    choose(next);
  };
  return html`${page.length > 0 && html`<label class="check tools"><input type="checkbox" checked=${all} onChange=${(event) => put(page.map(({ id }) => id), event.target.checked)} /> All ${page.length} of this page</label>`}
    <${Table} label="Devices found" head=${["Chosen", "Device", ...cells.map(([, name]) => name)]} empty="No device matches. Fewer conditions find more; write each as facet=value.">
      ${page.map((one) => html`<tr key=${one.id}>
        <td><input type="checkbox" aria-label=${`Choose ${one.id}`} checked=${chosen.has(one.id)} onChange=${(event) => put([one.id], event.target.checked)} /></td>
        <th scope="row"><a href=${to(["subscribers", one.subscriber_id, one.id])}>${one.id}</a></th>
        ${cells.map(([key, , cell]) => html`<td key=${key} class=${key === "imei" ? "number" : undefined}>${cell(one)}</td>`)}
      </tr>`)}
    <//>`;
}

// One act for each chosen device, some at a time; what came of each is told in its row.
function Bulk({ of }) {
  const [kind, setKind] = useState("reach");
  const [results, setResults] = useState([]);
  const { name, needs, asks, act } = ACTS[kind];
  const [run, { busy, problem }] = useAction(async (given) => {
    if (kind === "set") valueOf(given);
    const told = [];
    setResults(told);
    const waiting = [...of];
    const work = async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        try {
          await act(id, given);
          told.push({ id, why: "" });
        } catch (refused) {
          told.push({ id, why: refused.message });
        }
        setResults([...told]);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  });
  const failed = results.filter(({ why }) => why).length;
  if (!of.length) return null;
  return html`<${Panel} title=${`${of.length} chosen`} aside=${html`<span class="muted">${of.slice(0, SAMPLE).join(", ")}${of.length > SAMPLE && " …"}</span>`}>
    <form class="row fields" onSubmit=${(event) => { event.preventDefault(); run(new FormData(event.target).get("given") ?? ""); }}>
      <label class="field"><span>What to do</span><select value=${kind} onChange=${(event) => { setKind(event.target.value); setResults([]); }}>
        ${Object.entries(ACTS).map(([key, one]) => html`<option key=${key} value=${key}>${one.name}</option>`)}
      </select></label>
      ${asks && html`<label class="field"><span>${asks}</span><input name="given" required autocomplete="off" spellcheck=${false} /></label>`}
      <button type="submit" class="main" disabled=${busy || !may(needs)}>${name} (${of.length})</button>
      ${may("campaigns:write") && html`<button type="button" onClick=${() => beginCampaign(of)}>Campaign for these …</button>`}
    </form>
    <${Problem} of=${problem} />
    ${results.length > 0 && html`<p role="status" class="notice ${failed ? "warn" : "good"}">${results.length} of ${of.length}, ${failed} refused</p>
      <${Table} label="What came of it" head=${["Device", "Result"]}>
        ${[...results].sort((one, other) => Boolean(other.why) - Boolean(one.why)).slice(0, SHOWN_RESULTS).map(({ id, why }) => html`<tr key=${id}><th scope="row">${id}</th><td><${Badge} tone=${why ? "bad" : "good"}>${why ? "refused" : "done"}<//> ${why}</td></tr>`)}
      <//>`}
  <//>`;
}
