// What the profiles say, and what a phone would get if its plan, groups or model were others.
import { get, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Facts, Filter, Heading, Loaded, Panel, Problem, Table, useAction, useLoad } from "../parts.js";
import { refine, to } from "../route.js";
import { Editor, editorOf, fileOf, NewProfile, Waiting } from "./editor.js";

export function Profiles() {
  const loaded = useLoad(() => get("/profiles"), []);
  return html`<${Heading} title="Profiles" />
    <p><a href=${to(["editions"])}>Publish the files, compare editions, or go back to one</a></p>
    <${Waiting} />
    <${Loaded} from=${loaded}>${(profiles) => html`
      <${NewProfile} profiles=${profiles} />
      <${Table} label="Profiles" head=${["Profile", "Layer", "Applies to", "Values", "File"]} empty="There are no profiles.">
        ${profiles.map((profile) => html`<tr key=${profile.name}>
          <th scope="row"><a href=${to(["profiles", profile.name])}>${profile.name}</a></th>
          <td><${Badge}>${profile.layer}<//></td>
          <td>${matchOf(profile)}</td>
          <td class="number">${profile.leaves.length}</td>
          <td title=${profile.file}><a href=${editorOf(fileOf(profile))}>${fileOf(profile)}</a></td>
        </tr>`)}
      <//>`}<//>
    <${WhatIf} />`;
}

export function Profile({ path: [name, file], query }) {
  return file ? html`<${Editor} key=${file} file=${file} />` : html`<${Said} name=${name} query=${query} />`;
}

function Said({ name, query: { filter = "" } }) {
  const loaded = useLoad(() => get("/profiles"), [name]);
  return html`<${Loaded} from=${loaded} title=${name}>${(profiles) => {
    const profile = profiles.find((one) => one.name === name);
    if (!profile) return html`<${Heading} title=${name} /><p class="notice bad">There is no profile of that name.</p>`;
    const leaves = profile.leaves.filter(({ node, template }) => `${node} ${template}`.toLowerCase().includes(filter.toLowerCase()));
    return html`<section class="identity"><${Heading} title=${name}>${name} <${Badge}>${profile.layer}<//><//>
        <${Facts} of=${[["Applies to", matchOf(profile)], ["File", profile.file]]} /></section>
      <p><a class="button" href=${editorOf(fileOf(profile))}>Edit ${fileOf(profile)}</a></p>
      <${Waiting} />
      ${profile.warnings.map((warning) => html`<p class="notice warn" key=${warning}>${warning}</p>`)}
      <div class="tools"><${Filter} value=${filter} onInput=${(text) => refine({ filter: text })} label="Filter by node or value" /></div>
      <${Table} label="Values" head=${["Node", "Value", "Place"]} empty="No value is so.">
        ${leaves.map(({ node, template, place }) => html`<tr key=${node + place}>
          <th scope="row" class="node">${node}</th><td class="value">${template ?? html`<i class="muted">taken away</i>`}</td><td class="muted">${place}</td>
        </tr>`)}
      <//>`;
  }}<//>`;
}

const matchOf = ({ match }) => Object.entries(match).map(([facet, values]) => `${facet} ${values.join(" or ")}`).join(", ") || "everybody";

const SUPPOSED = [["plan", "Plan"], ["groups", "Groups"], ["tenant", "Tenant"], ["manufacturer", "Manufacturer"], ["model", "Model"]];

function WhatIf() {
  const [compare, { busy, problem, done }] = useAction(async (name, supposed) => {
    const subscriber = await get(`/subscribers/${segment(name)}`);
    const device = subscriber.devices.find((one) => one.id === name || one.imei === name) ?? subscriber.devices[0];
    const path = `/subscribers/${segment(subscriber.id)}/explain`;
    const [now, then] = await Promise.all([{}, supposed].map((query) => get(path, { device: device?.id, ...query })));
    return { device: now.device_id, changes: changesOf(now.leaves, then.leaves) };
  });
  const submit = (event) => {
    event.preventDefault();
    const { who, ...supposed } = Object.fromEntries(new FormData(event.target));
    compare(who.trim(), supposed);
  };
  return html`<${Panel} title="What if …">
    <form class="row fields" onSubmit=${submit}>
      <label class="field"><span>Phone or subscriber</span><input name="who" required autocomplete="off" spellcheck=${false} /></label>
      ${SUPPOSED.map(([name, label]) => html`<label class="field" key=${name}><span>${label}</span><input name=${name} placeholder="as it is" autocomplete="off" spellcheck=${false} /></label>`)}
      <button type="submit" class="main" disabled=${busy}>Compare</button>
    </form>
    <${Problem} of=${problem} />
    ${done && html`<${Table} label="What would change" head=${["Node", "Now", "Then", "Set by"]} empty=${`Nothing would change for ${done.device}.`}>
      ${done.changes.map(({ node, now, then }) => html`<tr key=${node}>
        <th scope="row" class="node">${node}</th>
        <td class="value">${now?.value ? html`<s>${now.value}</s>` : html`<i class="muted">not there</i>`}</td>
        <td class="value">${then?.value ?? html`<i class="muted">not there</i>`}</td>
        <td class="layer"><${Badge}>${(then ?? now).winner.layer}<//> <span class="muted">${(then ?? now).winner.profile}</span></td>
      </tr>`)}
    <//>`}
  <//>`;
}

// The leaves whose value differs, by node.
function changesOf(now, then) {
  const of = (leaves) => new Map(leaves.map((leaf) => [leaf.node, leaf]));
  const [before, after] = [of(now), of(then)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((node) => ({ node, now: before.get(node), then: after.get(node) }))
    .filter(({ now: one, then: other }) => (one?.value ?? null) !== (other?.value ?? null));
}
