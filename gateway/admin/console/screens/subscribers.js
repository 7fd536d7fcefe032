import { get } from "../api.js";
import { html } from "../dom.js";
import { Badge, Export, Heading, Loaded, Pager, Table, useLoad, When } from "../parts.js";
import { to } from "../route.js";
import { SavedViews } from "../views.js";

const PAGE = 50;

// Subscribers by id, a page at a time; with `q` those whose id begins with it.
export function Subscribers({ query }) {
  const { q = "", after = "" } = query;
  const loaded = useLoad(() => get("/subscribers", { after: after || before(q), limit: PAGE }), [q, after]);
  return html`<${Heading} title="Subscribers" />
    ${q && html`<p class="notice">Nobody and nothing is called exactly <b>${q}</b>. These are the subscribers whose id begins with it.</p>`}
    <${Loaded} from=${loaded}>${(all) => {
      const shown = all.filter((one) => one.id.startsWith(q));
      return html`<${Table} label="Subscribers" head=${["Subscriber", "MSISDN", "IMSI", "Plan", "State", "Devices", "Last seen"]} empty="No subscriber is called so.">
          ${shown.map((one) => html`<${Row} key=${one.id} of=${one} />`)}
        <//>
        <${Pager} path=${["subscribers"]} query=${{ q, after }} page=${shown} size=${PAGE} />
        <${Export} path="/subscribers" query=${{}} name="subscribers.csv" />`;
    }}<//>
    <${SavedViews} screen="subscribers" />`;
}

function Row({ of: { id, msisdn, imsis, plan, state, devices } }) {
  const seen = devices.map((device) => device.last_seen_at).filter(Boolean).sort().at(-1);
  return html`<tr>
    <th scope="row"><a href=${to(["subscribers", id])}>${id}</a></th>
    <td class="number">${msisdn}</td>
    <td class="number">${imsis.join(", ")}</td>
    <td>${plan}</td>
    <td><${Badge}>${state}<//></td>
    <td>${devices.length || "none"}</td>
    <td><${When} at=${seen} /></td>
  </tr>`;
}

// The greatest id below all that begin with the text, near enough: ids are ASCII.
function before(text) {
  return text && text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) - 1) + "~";
}
