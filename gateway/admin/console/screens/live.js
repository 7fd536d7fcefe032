// Who was spoken with last, as it happens; each leads to its decoded trace.
import { html } from "../dom.js";
import { Badge, Filter, Heading, Loaded, Table, useNews, When } from "../parts.js";
import { refine, to } from "../route.js";
import { kindOf, protocolName } from "../sessions.js";
import { SavedViews } from "../views.js";
import { Awaited, AwaitedTrace } from "./awaited.js";

const LIMIT = 50;

export function Live({ query: { filter = "", still } }) {
  const loaded = useNews({
    path: "/trace",
    first: { limit: LIMIT },
    newest: (exchanges) => exchanges[0]?.at,
    join: (exchanges, news) => newestOfEach([...news.toReversed(), ...exchanges]).slice(0, LIMIT),
    on: !still,
  });
  const word = filter.toLowerCase();
  const fits = (exchange) => `${exchange.owner} ${protocolName(exchange.protocol)} ${exchange.decisions} ${exchange.messages.map((one) => one.line)}`.toLowerCase().includes(word);
  return html`<${Heading} title="Live sessions" />
    <div class="tools">
      <${Filter} value=${filter} onInput=${(text) => refine({ filter: text })} label="Filter by device, protocol or outcome" />
      <label class="check"><input type="checkbox" checked=${!still} onChange=${(event) => refine({ still: event.target.checked ? "" : "1" })} /> Follow</label>
    </div>
    <${Loaded} from=${loaded}>${(exchanges) => html`
      <${Table} label="Live sessions" head=${["When", "Device", "Protocol", "It said", "Answered", "Decided"]} empty="Nobody was traced. Which exchanges are kept is the setting trace.mode.">
        ${exchanges.filter(fits).map((exchange) => html`<${Row} key=${exchange.owner} of=${exchange} />`)}
      <//>`}<//>
    <${Awaited} />
    <${SavedViews} screen="live" />`;
}

// What one who is waited for said.
export function LiveOne({ path: [id] }) {
  return html`<${Heading} title="Live sessions" /><${AwaitedTrace} key=${id} id=${id} />`;
}

function newestOfEach(exchanges) {
  const owners = new Set();
  return exchanges.filter(({ owner }) => !owners.has(owner) && owners.add(owner));
}

function Row({ of: { at, owner, protocol, proven, messages, decisions } }) {
  const [awaited, wait] = owner.split("/");
  const [subscriber] = owner.split(".");
  const address = wait ? to(["live", wait]) : to(["subscribers", subscriber, ...(owner === subscriber ? [] : [owner])], { tab: "sessions" });
  const [received, sent] = messages;
  const refused = received.says.filter((said) => kindOf(said) === "bad");
  return html`<tr>
    <td><${When} at=${at} exact /></td>
    <th scope="row"><a href=${address}>${wait ? awaited : owner}</a></th>
    <td>${protocolName(protocol)}${received.session && ` session ${received.session}`}</td>
    <td class="value clip">${received.line}</td>
    <td class="value clip">${sent?.line}</td>
    <td>${!proven && html`<${Badge} tone="warn">not proven<//> `}${refused.length > 0 && html`<${Badge} tone="bad">${refused.length} refused<//> `}${decisions.at(-1)}</td>
  </tr>`;
}
