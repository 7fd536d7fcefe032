import { get } from "../api.js";
import { html, useState } from "../dom.js";
import { Filter, Heading, Loaded, Table, useLoad, When } from "../parts.js";
import { to } from "../route.js";

const REFRESH_SECONDS = 5;
const LIMIT = 1000;

// What happened to anybody, newest first.
export function AllEvents() {
  return html`<${Heading} title="Events" /><${EventList} query=${{}} />`;
}

// What happened to one subscriber.
export function Events({ subscriber }) {
  return html`<${EventList} query=${{ subscriber: subscriber.id }} />`;
}

function EventList({ query }) {
  const [filter, setFilter] = useState("");
  const loaded = useLoad(() => get("/events", { ...query, newest: true, limit: LIMIT }), [query.subscriber], REFRESH_SECONDS);
  const words = filter.toLowerCase().split(/\s+/);
  const fits = (event) => {
    const text = `${event.kind} ${event.subscriber_id} ${event.device_id} ${detailOf(event)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return html`<div class="tools"><${Filter} value=${filter} onInput=${setFilter} label="Filter by kind, subscriber or detail" /></div>
    <${Loaded} from=${loaded}>${(events) => html`<${EventTable} of=${events.toReversed().filter(fits)} />`}<//>`;
}

const detailOf = ({ detail }) => Object.entries(detail).map(([name, value]) => `${name} ${value}`).join(", ");

export function EventTable({ of }) {
  return html`<${Table} label="Events" head=${["When", "What", "Whose", "Details"]} empty="Nothing has happened.">
    ${of.map((event) => html`<tr key=${event.seq}>
      <td><${When} at=${event.at} exact /></td>
      <th scope="row">${event.kind}</th>
      <td>${event.subscriber_id && html`<a href=${to(["subscribers", event.subscriber_id, ...(event.device_id ? [event.device_id] : [])])}>${event.device_id || event.subscriber_id}</a>`}</td>
      <td class="value">${detailOf(event)}</td>
    </tr>`)}
  <//>`;
}
