// Whole lists as files, for tables and other systems.
import { may } from "../api.js";
import { html, useState } from "../dom.js";
import { Choice, clock, Command, Export, Heading, ofField, Panel, prose } from "../parts.js";

const FORMS = [["csv", "CSV, for a table"], ["jsonl", "Lines of JSON, for a program"]];

// What can be saved: its permission, its filters ([name, label, placeholder] each), and what is in it.
const LISTS = [
  { key: "subscribers", name: "Subscribers", path: "/subscribers", needs: "subscribers:read", filters: [], holds: "Numbers, SIMs, plan, state, and the values that were set for each alone." },
  { key: "values", name: "Values", path: "/values", needs: "subscribers:read", filters: [], holds: "What was set for single subscribers and phones, a value a line, as `mogate import values` takes it." },
  { key: "devices", name: "Devices", path: "/devices", needs: "devices:read", filters: [["match", "That match; empty: all", "plan=premium; seen>30d"]], holds: "Phone, software, plan, what each speaks, and when it was last seen." },
  { key: "events", name: "Events", path: "/events", needs: "events:read", filters: [["subscriber", "Of the subscriber (id)", "all"], ["device", "Of the device (id)", "all"]], holds: "What happened, oldest first." },
  { key: "audit", name: "Audit", path: "/audit", needs: "audit:read", filters: [["who", "By whom", "user:ada"], ["subject", "To what (id)", "all"], ["since", "Since", "", "datetime-local"], ["until", "Before", "", "datetime-local"]], holds: "Who changed what, with what was there before and after." },
  { key: "campaigns", name: "Campaigns", path: "/campaigns", needs: "campaigns:read", filters: [], holds: "Each with its groups, how many devices went well, and the codes that others failed with." },
];

export function Exports() {
  const [form, setForm] = useState("csv");
  return html`<${Heading} title="Exports" />
    <p class="muted">Each file has the whole list as it is while it is read. What your role sees masked is masked in it. Everything, with secrets, is in <code>mogate export</code> alone.</p>
    <div class="tools" onChange=${(event) => setForm(event.target.value)}><${Choice} label="Format of the files" name="form" value=${form} of=${FORMS} /></div>
    <div class="grid">${LISTS.filter(({ needs }) => may(needs)).map((list) => html`<${List} key=${list.key} of=${list} form=${form} />`)}</div>`;
}

function List({ of: { key, name, path, filters, holds }, form }) {
  const [given, setGiven] = useState({});
  const query = Object.fromEntries(filters.map(([filter, , , type]) => [filter, type ? ofField(given[filter] ?? "") : (given[filter] ?? "").trim()]));
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return html`<${Panel} title=${name}>
    <p>${prose(holds)}</p>
    ${filters.length > 0 && html`<div class="row fields">${filters.map(([filter, label, placeholder, type = "text"]) => html`<label class=${filter === "match" ? "field wide" : "field"} key=${`${filter}${clock.utc}`}><span>${label}</span>
      <input type=${type} placeholder=${placeholder} autocomplete="off" spellcheck=${false} onInput=${(event) => setGiven({ ...given, [filter]: event.target.value })} /></label>`)}</div>`}
    <p class="pager"><${Export} path=${path} query=${query} name=${`${key}.${form}`}>Save ${key}.${form}<//></p>
    <${Command} line=${`curl -H "Authorization: Bearer $TOKEN" -H "Accept: ${form === "csv" ? "text/csv" : "application/jsonl"}" ${location.origin}/api/v1${path}${search && `?${search}`}`} />
  <//>`;
}
