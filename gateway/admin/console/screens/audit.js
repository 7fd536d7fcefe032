import { get } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Filter, Heading, Loaded, Table, useLoad, When } from "../parts.js";

const PAGE = 1000;

// Who changed what, newest first.
export function Audit() {
  const [filter, setFilter] = useState("");
  const loaded = useLoad(() => get("/audit", { limit: PAGE }), []);
  const fits = (entry) => `${entry.who} ${entry.action} ${entry.subject} ${entry.reason}`.toLowerCase().includes(filter.toLowerCase());
  return html`<${Heading} title="Audit" />
    <div class="tools"><${Filter} value=${filter} onInput=${setFilter} label="Filter by who, what or whose" /></div>
    <${Loaded} from=${loaded}>${(entries) => html`
      <${Table} label="Audit" head=${["When", "Who", "Did", "To", "Answer", "What changed"]} empty="Nobody has changed anything.">
        ${entries.toReversed().filter(fits).map((entry) => html`<tr key=${entry.id}>
          <td><${When} at=${entry.at} exact /></td>
          <th scope="row">${entry.who.replace(/^user:/, "")} <span class="muted">${entry.address}</span></th>
          <td>${entry.action.replaceAll("_", " ")}${entry.reason && html`<span class="template">${entry.reason}</span>`}</td>
          <td>${entry.subject}</td>
          <td><${Badge} tone=${entry.status < 400 ? "good" : "bad"}>${String(entry.status)}<//></td>
          <td class="value"><${Changes} before=${entry.before} after=${entry.after} asked=${entry.asked} /></td>
        </tr>`)}
      <//>`}<//>`;
}

function Changes({ before, after, asked }) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return html`${names.map((name) => html`<div key=${name}>${name}: <s>${said(before[name])}</s> ${said(after[name])}</div>`)}
    ${asked !== null && html`<details><summary>As asked</summary><pre tabindex="0">${JSON.stringify(asked, null, 2)}</pre></details>`}`;
}

const said = (value) => (value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value));
