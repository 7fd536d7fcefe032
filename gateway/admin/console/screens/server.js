// The gateway itself: the processes that serve, and every setting with where it was said. Nothing is changed here.
import { get } from "../api.js";
import { html } from "../dom.js";
import { Badge, Command, Filter, Heading, Loaded, Panel, Table, useLoad, When } from "../parts.js";
import { refine } from "../route.js";

const ASKED_SECONDS = 15;

export function Server({ query: { filter = "", all } }) {
  return html`<${Heading} title="Server" /><div class="stack"><${Nodes} /><${Settings} filter=${filter} all=${Boolean(all)} /></div>`;
}

function Nodes() {
  const loaded = useLoad(() => get("/nodes"), [], ASKED_SECONDS);
  return html`<${Panel} title="Processes that serve">
    <${Loaded} from=${loaded}>${(nodes) => html`
      ${new Set(nodes.map(({ version, commit }) => version + commit)).size > 1 && html`<p class="notice warn">They are of several versions.</p>`}
      <${Table} label="Processes that serve" head=${["Host", "Worker", "Process", "Version", "Commit", "Started", "Last heard of"]}>
        ${nodes.map((one) => html`<tr key=${one.id}><th scope="row">${one.host}</th><td class="number">${one.worker ?? ""}</td><td class="number">${one.pid}</td>
          <td>${one.version}</td><td><code>${one.commit.slice(0, 12)}</code></td><td><${When} at=${one.started_at} /></td><td><${When} at=${one.told_at} /></td></tr>`)}
      <//>`}<//>
    <${Command} line="mogate nodes" />
  <//>`;
}

// Those that were said first; what was filtered for is looked for among all.
function Settings({ filter, all }) {
  const loaded = useLoad(() => get("/settings"), []);
  const words = filter.toLowerCase().split(/\s+/);
  const shown = ({ key, origin, value }) => (all || filter || (origin !== "default" && value !== "")) && words.every((word) => `${key} ${value} ${origin}`.toLowerCase().includes(word));
  return html`<${Panel} title="Settings">
    <div class="tools">
      <${Filter} value=${filter} onInput=${(text) => refine({ filter: text })} label="Filter settings" />
      <label class="check"><input type="checkbox" checked=${all} onChange=${(event) => refine({ all: event.target.checked ? "1" : "" })} /> Also those with their defaults</label>
    </div>
    <${Loaded} from=${loaded}>${(settings) => html`
      <${Table} label="Settings" head=${["Setting", "Value", "Said by"]} empty="No setting is so.">
        ${settings.filter(shown).map(({ key, origin, value }) => html`<tr key=${key}><th scope="row"><code>${key}</code></th><td class="value">${value}</td>
          <td>${origin === "default" ? html`<${Badge}>default<//>` : html`<code>${origin}</code>`}</td></tr>`)}
      <//>`}<//>
    <${Command} line="mogate check --show-origin" />
  <//>`;
}
