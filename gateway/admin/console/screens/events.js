import { get } from "../api.js";
import { html } from "../dom.js";
import { Loaded, Table, useLoad, When } from "../parts.js";

// What happened to one subscriber, newest first.
export function Events({ subscriber }) {
  const loaded = useLoad(() => get("/events", { subscriber: subscriber.id, limit: 1000 }), [subscriber.id], 5);
  return html`<${Loaded} from=${loaded}>${(events) => html`<${EventTable} of=${events.toReversed()} />`}<//>`;
}

export function EventTable({ of }) {
  return html`<${Table} label="Events" head=${["When", "What", "Device", "Details"]} empty="Nothing has happened yet.">
    ${of.map((event) => html`<tr key=${event.seq}>
      <td><${When} at=${event.at} exact /></td>
      <th scope="row">${event.kind}</th>
      <td>${event.device_id}</td>
      <td class="value">${Object.entries(event.detail).map(([name, value]) => `${name} ${value}`).join(", ")}</td>
    </tr>`)}
  <//>`;
}
