// What is staged for a device: looked at as it would go out, and then applied.
import { call, get, may, read, segment } from "../api.js";
import { useBasket, valuesOf } from "../basket.js";
import { html, useState } from "../dom.js";
import { Badge, Command, Copy, Panel, Problem, Table, useAction } from "../parts.js";
import { pretty } from "../xml.js";
import { beginCampaign } from "./wizard.js";

export function Basket({ subscriber, device, reload, onApplied }) {
  const { edits, stage, remove, clear } = useBasket(device.id);
  const [preview, looked, forget] = useAction(() =>
    call("POST", `/devices/${segment(device.id)}/preview`, { body: { subscriber: valuesOf(edits, "subscriber"), device: valuesOf(edits, "device") } }),
  );
  const [apply, applied] = useAction(async () => {
    const own = await ownValues(subscriber, device);
    const overtaken = edits.filter(({ scope, node, own: was }) => (own[scope][node] ?? null) !== was);
    if (overtaken.length) {
      overtaken.forEach((edit) => stage({ ...edit, own: own[edit.scope][edit.node] ?? null }));
      await reload();
      throw new Error(`Somebody else changed ${overtaken.map(({ node }) => node).join(", ")} since you staged it; what it is now is shown in the tree. Apply once more to set yours.`);
    }
    const warnings = [];
    for (const [scope, id] of [["subscriber", subscriber.id], ["device", device.id]]) {
      const body = valuesOf(edits, scope);
      if (!Object.keys(body.set).length && !body.unset.length) continue;
      const { tag } = await read(`/subscribers/${segment(id)}`);
      warnings.push(...(await call("PATCH", `/subscribers/${segment(id)}/values`, { body, tag })).warnings);
    }
    clear();
    forget();
    await reload();
    return onApplied(warnings);
  });
  if (!edits.length) return null;
  const commands = lineOf(edits, subscriber, device);
  return html`<${Panel} title="Staged edits">
    <${Table} label="Staged edits" head=${["Node", "Now", "Then", "For", ""]}>
      ${edits.map((edit) => html`<tr key=${edit.scope + edit.node}>
        <th scope="row" class="node">${edit.node}</th>
        <td class="value">${edit.before ?? ""}</td>
        <td class="value">${edit.value ?? html`<i class="muted">what the profiles say</i>`}</td>
        <td><${Badge} tone="accent">${edit.scope === "device" ? "this device" : "the subscriber"}<//></td>
        <td><button type="button" class="quiet small" onClick=${() => { remove(edit); forget(); }} aria-label=${`Unstage ${edit.node}`}>Unstage</button></td>
      </tr>`)}
    <//>
    <div class="row actions">
      <button type="button" disabled=${looked.busy || !may("documents:read")} onClick=${preview}>Preview</button>
      <button type="button" class="main" disabled=${applied.busy || !may("subscribers:write")} onClick=${apply}>Apply</button>
      ${may("campaigns:write") && html`<button type="button" onClick=${() => beginCampaign([], "", edits)}>As a campaign …</button>`}
      <button type="button" class="quiet" onClick=${() => { clear(); forget(); }}>Discard</button>
    </div>
    <${Problem} of=${looked.problem ?? applied.problem} />
    ${looked.done && html`<${Shown} of=${looked.done} />`}
    ${commands.map((line) => html`<${Command} key=${line} line=${line} />`)}
  <//>`;
}

// What was set for the subscriber and the device themselves, as it is now.
async function ownValues(subscriber, device) {
  const [owner, phone] = await Promise.all([get(`/subscribers/${segment(subscriber.id)}`), get(`/devices/${segment(device.id)}`)]);
  return { subscriber: owner.values, device: phone.values };
}

function Shown({ of: { commands, syncml, document: xml, warnings } }) {
  const views = [
    ["Commands", commands.length ? commands.join("\n") : "Nothing would be sent over OMA DM."],
    ...(syncml ? [["SyncML", pretty(syncml)]] : []),
    ["RCC.14 document", pretty(xml)],
  ];
  const [shown, setShown] = useState(0);
  const [name, text] = views[shown] ?? views[0];
  return html`<div class="preview">
    ${warnings.map((warning) => html`<p class="notice warn" key=${warning}>${warning}</p>`)}
    ${commands.length > 0 && commands.every((line) => line.startsWith("Get ")) && html`<p class="notice">The phone is asked this first; what it needs of the edits follows from its answers.</p>`}
    <div class="row" role="group" aria-label="Preview as">
      ${views.map(([title], number) => html`<button type="button" key=${title} class="small" aria-pressed=${number === shown} onClick=${() => setShown(number)}>${title}</button>`)}
      <${Copy} text=${text} of="the preview" />
    </div>
    <pre tabindex="0" aria-label=${name}>${text}</pre>
  </div>`;
}

// The same on a terminal.
function lineOf(edits, subscriber, device) {
  const quote = (text) => (/^[\w./:=+@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const lines = [];
  for (const [scope, id] of [["subscriber", subscriber.id], ["device", device.id]]) {
    const { set, unset } = valuesOf(edits, scope);
    const given = Object.entries(set).map(([node, value]) => quote(`${node}=${value}`));
    if (given.length) lines.push(`mogate set ${id} ${given.join(" ")}`);
    if (unset.length) lines.push(`mogate unset ${id} ${unset.map(quote).join(" ")}`);
  }
  return lines;
}
