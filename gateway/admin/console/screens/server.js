// The gateway itself: the processes that serve, its backups, its secrets, and every setting with where it was said.
import { call, get, may } from "../api.js";
import { html } from "../dom.js";
import { Badge, Command, Filter, Heading, Loaded, Panel, Problem, Table, useAction, useLoad, When } from "../parts.js";
import { refine, to } from "../route.js";

const ASKED_SECONDS = 15;

export function Server({ query: { filter = "", all } }) {
  return html`<${Heading} title="Server" /><div class="stack"><${Nodes} /><${Tenants} />${may("backups:read") && html`<${Backups} />`}<${Secrets} /><${Settings} filter=${filter} all=${Boolean(all)} /></div>`;
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

// Callers of one tenant do not come here.
function Tenants() {
  const loaded = useLoad(() => get("/tenants"), []);
  return html`<${Panel} title="Tenants">
    <${Loaded} from=${loaded}>${(tenants) => html`
      <${Table} label="Tenants" head=${["Tenant", "Subscribers", "Devices", "Counted"]} empty="Nobody has counted yet; that is done every quarter of an hour.">
        ${tenants.map((one) => html`<tr key=${one.name}><th scope="row">${one.name ? html`<a href=${to(["devices"], { match: `tenant=${one.name}` })}>${one.name}</a>` : "of the operator"}</th>
          <td class="number">${one.subscribers.toLocaleString("en")}</td><td class="number">${one.devices.toLocaleString("en")}</td><td><${When} at=${one.counted_at} /></td></tr>`)}
      <//>`}<//>
    <${Command} line="mogate tenants" />
  <//>`;
}

// Backups stay on the host: whoever has one opens every secret. Who made one is in the audit log.
function Backups() {
  const loaded = useLoad(() => get("/backups"), []);
  const log = useLoad(async () => (may("audit:read") ? get("/audit", { action: "make_backup", newest: true, limit: 1000 }) : []), []);
  const by = Object.fromEntries((log.data ?? []).map(({ subject, who }) => [subject, who.replace(/^user:/, "")]));
  const [make, { busy, problem, done }] = useAction(async () => {
    const made = await call("POST", "/backups");
    await Promise.all([loaded.reload(), log.reload()]);
    return made;
  });
  return html`<${Panel} title="Backups">
    <p class="row"><button type="button" disabled=${busy || !may("backups:write")} onClick=${make}>${busy ? "Making one …" : "Make a backup now"}</button>
      <span class="muted" role="status">${done && `${done.id} is made, and was read again.`}</span></p>
    <${Problem} of=${problem} />
    <${Loaded} from=${loaded}>${(backups) => html`
      <${Table} label="Backups" head=${["File", "Made", "By", "Octets", "To have it back, on an empty directory and store"]} empty="None yet. The setting admin.backups says into which directory of this host they are made.">
        ${backups.map((one) => html`<tr key=${one.id}><th scope="row">${one.file}</th><td><${When} at=${one.made_at} /></td><td>${by[one.id]}</td>
          <td class="number">${one.octets.toLocaleString("en")}</td><td><${Command} line=${`mogate restore ${one.file}`} /></td></tr>`)}
      <//>`}<//>
    <${Command} line="mogate backup FILE" />
  <//>`;
}

// Which secrets there are; what they are is shown nowhere.
function Secrets() {
  const loaded = useLoad(() => get("/settings/secrets"), []);
  return html`<${Panel} title="Secrets">
    <${Loaded} from=${loaded}>${(secrets) => html`
      <${Table} label="Secrets" head=${["Setting", "Said by", "Is set", "File last written", "How another takes its place"]}>
        ${secrets.toSorted((one, other) => other.is_set - one.is_set).map((one) => html`<tr key=${one.key}><th scope="row"><code>${one.key}</code></th>
          <td>${one.origin === "default" ? html`<${Badge}>default<//>` : html`<code>${one.origin}</code>`}</td>
          <td>${one.problem ? html`<${Badge} tone="bad">${one.problem}<//>` : html`<${Badge} tone=${one.is_set ? "good" : ""}>${one.is_set ? "set" : "not set"}<//>`}</td>
          <td>${one.file && html`<code>${one.file}</code> <${When} at=${one.changed_at} />`}</td>
          <td>${one.is_set ? one.rotate : ""}</td></tr>`)}
      <//>`}<//>
    <p class="muted">Secrets of devices are rotated on their pages, those of <a href="#/webhooks">webhooks</a> and <a href="#/access">tokens</a> by making another.</p>
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
