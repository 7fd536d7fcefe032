import { get, segment } from "../api.js";
import { differences } from "../changes.js";
import { html } from "../dom.js";
import { Badge, clock, Command, Export, Heading, Loaded, localised, ofField, Pager, Table, toField, useLoad, When } from "../parts.js";
import { go } from "../route.js";
import { SavedViews } from "../views.js";

const PAGE = 100;
const SHOWN_CHANGES = 4;

// Who changed what, newest first.
export function Audit({ query }) {
  const { after, ...filter } = query;
  const loaded = useLoad(() => get("/audit", { ...query, newest: true, limit: PAGE }), [JSON.stringify(query)]);
  return html`<${Heading} title="Audit" />
    <${Filters} key=${`${JSON.stringify(filter)}${clock.utc}`} of=${filter} />
    <${Loaded} from=${loaded}>${(entries) => html`
      <${Entries} of=${entries} />
      <${Pager} path=${["audit"]} query=${query} page=${entries} size=${PAGE} first="Newest" next="Older" />
      <${Command} line="mogate audit list --newest" />`}<//>
    <${SavedViews} screen="audit" />`;
}

// The same of one device and its subscriber, or with `all` of the subscriber's other devices as well.
export function Changes({ subscriber, device, query: { all = "", after = "" } }) {
  const path = all ? `/subscribers/${segment(subscriber.id)}/changes` : `/devices/${segment(device.id)}/changes`;
  const place = ["subscribers", subscriber.id, device.id];
  const query = { tab: "changes", all, after };
  const loaded = useLoad(() => get(path, { after, newest: true, limit: PAGE }), [path, after]);
  return html`<div class="tools">
      <label class="check"><input type="checkbox" checked=${Boolean(all)} onChange=${() => go(place, { tab: "changes", all: all ? "" : "1" })} /> Also of the subscriber's other devices</label>
      <${Export} path=${path} query=${{ newest: true }} name=${`${device.id}-changes.csv`} />
    </div>
    <${Loaded} from=${loaded}>${(entries) => html`
      <${Entries} of=${entries} />
      <${Pager} path=${place} query=${query} page=${entries} size=${PAGE} first="Newest" next="Older" />
      <${Command} line=${`mogate audit list --newest --of ${subscriber.id}`} />`}<//>`;
}

function Entries({ of }) {
  return html`<${Table} label="Audit" head=${["When", "Who", "Did", "To", "Answer", "What changed"]} empty="Nobody has changed anything.">
    ${of.map((entry) => html`<tr key=${entry.id}>
      <td><${When} at=${entry.at} exact /></td>
      <th scope="row">${entry.who.replace(/^user:/, "")} <span class="muted">${entry.address}</span></th>
      <td>${entry.action.replaceAll("_", " ")}${entry.reason && html`<span class="template">${entry.reason}</span>`}</td>
      <td>${entry.subject}</td>
      <td><${Answer} status=${entry.status} /></td>
      <td class="value"><${Difference} before=${entry.before} after=${entry.after} asked=${entry.asked} /></td>
    </tr>`)}
  <//>`;
}

// How it was answered; of what a process died over nobody knows.
function Answer({ status }) {
  if (!status) return html`<${Badge} tone="warn">not known<//>`;
  return html`<${Badge} tone=${status < 400 ? "good" : "bad"}>${String(status)}<//>`;
}

function Filters({ of: filter }) {
  const find = (event) => {
    event.preventDefault();
    const { who, action, subject, since, until } = Object.fromEntries(new FormData(event.target));
    const name = who.trim();
    go(["audit"], {
      who: !name || name.includes(":") || name === "admin.token" ? name : `user:${name}`,
      action: action.trim().toLowerCase().replaceAll(" ", "_"),
      subject: subject.trim(),
      since: ofField(since),
      until: ofField(until),
    });
  };
  return html`<form class="row fields" role="search" aria-label="Audit" onSubmit=${find}>
    <label class="field"><span>Who</span><input name="who" defaultValue=${filter.who?.replace(/^user:/, "")} placeholder="ada, token:crm" autocomplete="off" spellcheck=${false} /></label>
    <label class="field"><span>Did</span><input name="action" defaultValue=${filter.action?.replaceAll("_", " ")} placeholder="set values" autocomplete="off" spellcheck=${false} /></label>
    <label class="field"><span>To</span><input name="subject" defaultValue=${filter.subject} placeholder="an id" autocomplete="off" spellcheck=${false} /></label>
    <label class="field"><span>Since</span><input name="since" type="datetime-local" defaultValue=${toField(filter.since)} /></label>
    <label class="field"><span>Before</span><input name="until" type="datetime-local" defaultValue=${toField(filter.until)} /></label>
    <button type="submit" class="main">Find</button>
    <${Export} path="/audit" query=${{ ...filter, newest: true }} name="audit.csv" />
  </form>`;
}

function Difference({ before, after, asked }) {
  const lines = differences(before, after).map(({ name, was, now }) => html`<div key=${name}>${name}: ${was && html`<s>${was}</s> `}${localised(now)}</div>`);
  return html`${lines.slice(0, SHOWN_CHANGES)}
    ${lines.length > SHOWN_CHANGES && html`<details><summary>${lines.length - SHOWN_CHANGES} more</summary>${lines.slice(SHOWN_CHANGES)}</details>`}
    ${asked !== null && html`<details><summary>As asked</summary><pre tabindex="0">${JSON.stringify(asked, null, 2)}</pre></details>`}`;
}
