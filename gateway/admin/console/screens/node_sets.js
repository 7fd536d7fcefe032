// Nodes that are read often, by name: all of a set are asked for at once.
import { call, get, may, segment } from "../api.js";
import { html } from "../dom.js";
import { Command, Grave, Loaded, Problem, useAction, useLoad } from "../parts.js";

const MOST = 50;

// `shown` are the addresses that the tree shows: what a new set begins with.
export function NodeSets({ device, shown, reload }) {
  const loaded = useLoad(() => get("/node-sets"), []);
  const [act, { busy, problem, done }] = useAction(async (method, path, body) => {
    const given = await call(method, path, body && { body });
    await Promise.all([loaded.reload(), reload()]);
    return { asked: method === "POST" && given.length };
  });
  const save = (event) => {
    event.preventDefault();
    const { name, uris } = Object.fromEntries(new FormData(event.target));
    act("PUT", `/node-sets/${segment(name.trim())}`, { uris: uris.split(/\s+/).filter(Boolean) });
  };
  const locked = busy || !may("operations:write");
  return html`<details class="views"><summary>Sets of nodes</summary>
    <${Loaded} from=${loaded}>${(sets) => html`<ul class="plain">${sets.map(({ name, uris }) => html`<li class="row" key=${name}>
      <button type="button" class="small" disabled=${locked} aria-label=${`Get ${name} now`} onClick=${() => act("POST", `/devices/${segment(device.id)}/node-sets/${segment(name)}`)}>Get now</button>
      <b>${name}</b> <span class="muted" title=${uris.join("\n")}>${uris.length} nodes</span>
      <${Grave} name="Delete" of=${name} disabled=${locked} act=${() => act("DELETE", `/node-sets/${segment(name)}`)} /></li>`)}</ul>`}<//>
    ${done?.asked > 0 && html`<p class="muted" role="status">Asked for ${done.asked}; the phone answers in its next session.</p>`}
    <${Problem} of=${problem} />
    <form class="stack" key=${shown.join()} onSubmit=${save}>
      <label class="field"><span>Addresses, one a line</span><textarea name="uris" rows="4" required spellcheck=${false}>${shown.slice(0, MOST).join("\n")}</textarea></label>
      <div class="row fields"><label class="field"><span>Name of the set</span><input name="name" required maxlength="60" autocomplete="off" /></label>
        <button type="submit" disabled=${locked}>Save the set</button></div>
    </form>
    <${Command} line=${`mogate device get ${device.id} --set NAME`} />
  </details>`;
}
