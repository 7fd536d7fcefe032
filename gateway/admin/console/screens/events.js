import { html } from "../dom.js";
import { Export, Filter, Heading, Loaded, Table, useNews, When } from "../parts.js";
import { refine, to } from "../route.js";
import { SavedViews } from "../views.js";

// So many are looked at.
export const EVENTS = 1000;

// What happened to anybody, newest first.
export function AllEvents({ query: { filter } }) {
  return html`<${Heading} title="Events" /><${EventList} of=${{}} filter=${filter} /><${SavedViews} screen="events" />`;
}

// What happened to one subscriber.
export function Events({ subscriber, query: { filter } }) {
  return html`<${EventList} of=${{ subscriber: subscriber.id }} filter=${filter} />`;
}

// The last events, oldest first, and those that happen from now on.
export const useEvents = (query) =>
  useNews({
    path: "/events",
    query: { ...query, limit: EVENTS },
    first: { newest: true },
    newest: (events) => events.at(-1)?.seq,
    join: (events, news) => [...events, ...news].slice(-EVENTS),
  });

function EventList({ of: query, filter = "" }) {
  const loaded = useEvents(query);
  const words = filter.toLowerCase().split(/\s+/);
  const fits = (event) => {
    const text = `${event.kind} ${event.subscriber_id} ${event.device_id} ${detailOf(event)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return html`<div class="tools"><${Filter} value=${filter} onInput=${(text) => refine({ filter: text })} label="Filter by kind, subscriber or detail" />
      <${Export} path="/events" query=${query} name="events.csv" /></div>
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
