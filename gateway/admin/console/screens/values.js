// Why every value is what it is: the layer that won, and those that lost.
import { get, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Command, Filter, Loaded, Node, Table, useLoad } from "../parts.js";
import { refine } from "../route.js";

export function Values({ subscriber, device, query: { filter = "", contested } }) {
  const path = `/subscribers/${segment(subscriber.id)}/explain`;
  const loaded = useLoad(() => get(path, { device: device.id }), [device.id], 0, JSON.stringify([subscriber.values, device.values]));
  return html`<div class="tools">
      <${Filter} value=${filter} onInput=${(text) => refine({ filter: text })} label="Filter by node, value or layer" />
      <label class="check"><input type="checkbox" checked=${Boolean(contested)} onChange=${(event) => refine({ contested: event.target.checked ? "1" : "" })} /> Only where layers disagree</label>
    </div>
    <${Loaded} from=${loaded}>${({ leaves }) => html`
      <${Table} label="Effective values" head=${["Node", "Value", "Set by", "Overruled"]} empty="No value is so.">
        ${leaves.filter((leaf) => matches(leaf, filter) && (!contested || leaf.losers.length)).map((leaf) => html`<${Leaf} key=${leaf.node} of=${leaf} />`)}
      <//>`}<//>
    <${Command} line=${`mogate explain ${subscriber.id} --device ${device.id}`} />`;
}

function matches(leaf, filter) {
  const words = filter.toLowerCase().split(/\s+/);
  const text = `${leaf.node} ${leaf.value} ${leaf.winner.layer} ${leaf.winner.profile}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function Leaf({ of: { node, value, missing, winner, losers } }) {
  const absent = missing.length ? `left out: the subscriber has no ${missing.join(", ")}` : "taken away";
  return html`<tr>
    <th scope="row" class="node"><${Node} of=${node} /></th>
    <td class="value">${value ?? html`<i class="muted">${absent}</i>`}${winner.template !== null && winner.template !== value && html`<span class="template">${winner.template}</span>`}</td>
    <td class="layer"><${Layer} of=${winner} /></td>
    <td class="layer">${losers.map((loser) => html`<div key=${loser.layer + loser.place}><s>${loser.template ?? "taken away"}</s> <${Layer} of=${loser} /></div>`)}</td>
  </tr>`;
}

function Layer({ of: { layer, profile, place } }) {
  return html`<${Badge} tone=${layer === "subscriber" || layer === "device" ? "accent" : ""}>${layer}<//> <span class="muted place">${[profile, place].filter(Boolean).join(" ")}</span>`;
}
