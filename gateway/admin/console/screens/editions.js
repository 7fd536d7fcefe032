// Editions of the profiles: what differs between them, whom that changes, serving another one.
import { call, get, may } from "../api.js";
import { html, useState } from "../dom.js";
import { filesOf } from "../diff.js";
import { AFTER_SUCCESS, groupsOf, ON_ERROR } from "../groups.js";
import { Badge, Choice, Command, Heading, Loaded, Panel, Problem, Table, useAction, useLoad, When } from "../parts.js";
import { go, to } from "../route.js";

const NOW = "now";
const SERVED = "served";

const filesIn = (edition) => get("/profiles/files", { edition: edition === NOW ? "" : edition });

export function Editions({ query: { from = SERVED, to: until = NOW } }) {
  const loaded = useLoad(() => get("/profiles/editions"), []);
  const compare = (event) => {
    event.preventDefault();
    go(["editions"], Object.fromEntries(new FormData(event.target)));
  };
  return html`<${Heading} title="Editions" />
    <${Loaded} from=${loaded}>${(editions) => {
      const names = [[NOW, "the files as they are now"], ...editions.map(({ edition, replaced_at: at }) => [edition, `${edition}, replaced ${at.slice(0, 16).replace("T", " ")}`])];
      return html`<form class="row fields" key=${from + until} aria-label="Compare" onSubmit=${compare}>
          <${Choice} name="from" label="From" value=${from} of=${[[SERVED, "what is served"], ...names]} />
          <${Choice} name="to" label="To" value=${until} of=${names} />
          <button type="submit" class="main">Compare</button>
        </form>
        ${from === SERVED ? html`<${Planned} key=${until} edition=${until} />` : html`<${Differing} key=${from + until} from=${from} to=${until} />`}
        <h2 class="below">Editions that were replaced</h2>
        <${Table} label="Editions" head=${["Edition", "Replaced", "Files", ""]} empty="None was replaced since editions are kept.">
          ${editions.map(({ edition, replaced_at: at, files }) => html`<tr key=${edition}>
            <th scope="row"><code>${edition}</code></th><td><${When} at=${at} exact /></td><td class="number">${files}</td>
            <td><a href=${to(["editions"], { from: SERVED, to: edition })} aria-label=${`Go back to ${edition}`}>Go back to it …</a> <a href=${to(["editions"], { from: edition, to: NOW })} aria-label=${`What changed since ${edition}`}>What changed since</a></td>
          </tr>`)}
        <//>
        <${Command} line="mogate profile editions" />`;
    }}<//>`;
}

// Two editions side by side, as their files say it.
function Differing({ from, to: until }) {
  const loaded = useLoad(() => Promise.all([from, until].map(filesIn)), []);
  return html`<${Loaded} from=${loaded}>${([before, after]) => html`<${Files} of=${filesOf(before.profiles, after.profiles)} />`}<//>`;
}

function Files({ of: files }) {
  if (!files.length) return html`<p class="notice">They say the same.</p>`;
  return files.map(({ name, lines }) => html`<${Panel} key=${name} title=${name}>
    <pre class="diff" tabindex="0" aria-label=${`What differs in ${name}`}>${lines.map(({ mark, text }, place) => html`<span key=${place} class=${CLASSES[mark]}>${mark} ${text}${"\n"}</span>`)}</pre>
  <//>`);
}

const CLASSES = { "+": "good", "-": "bad", "…": "muted" };

// An edition against what is served: the statements that change, whom that changes, and serving it.
function Planned({ edition }) {
  const loaded = useLoad(async () => {
    const { profiles } = await filesIn(edition);
    return { profiles, plan: await call("POST", "/profiles/plan", { body: { profiles } }) };
  }, []);
  return html`<${Loaded} from=${loaded}>${({ profiles, plan }) => html`
    ${plan.warnings.map((warning) => html`<p class="notice warn" key=${warning}>${warning}</p>`)}
    <${Table} label="What changes" head=${["Profile", "Change", "Statement", "Was", "Becomes", "Place"]} empty="Nothing changes: that is what is served.">
      ${plan.changes.flatMap((change) => (change.statements.length ? change.statements : [{}]).map((statement, place) => html`<tr key=${change.profile + place}>
        <th scope="row">${place === 0 && change.profile}</th>
        <td>${place === 0 && html`<${Badge} tone=${change.change === "deleted" ? "bad" : "accent"}>${change.change}<//>`}</td>
        <td class="node">${statement.key}</td>
        <td class="value">${statement.was && html`<s>${statement.was}</s>`}</td>
        <td class="value">${statement.now}</td>
        <td class="muted">${change.file}${statement.line > 0 && `:${statement.line}`}</td>
      </tr>`))}
    <//>
    ${plan.changes.length > 0 && html`<${Affected} of=${plan} />`}
    ${plan.changes.length > 0 && (edition === NOW ? html`<${Publish} />` : html`<${GoBack} edition=${edition} profiles=${profiles} plan=${plan} />`)}`}<//>`;
}

// Whom it changes: how many, and a few of them.
const Affected = ({ of: { count, sample } }) => html`<p class="notice" role="status">
  ${count === 0 ? "No device's content changes." : html`${count === 1 ? "The content of 1 device changes" : `The content of ${count} devices changes`}: ${sample.map((id, place) => html`${place > 0 && ", "}<a key=${id} href=${to(["subscribers", id.slice(0, id.lastIndexOf(".")), id])}>${id}</a>`)}${count > sample.length && " …"}`}
</p>`;

function Calls({ children }) {
  return html`<div class="row fields">
    <label class="field"><span>Make them call within (minutes)</span><input name="minutes" type="number" min="0" max="525600" value="60" required /></label>
    <label class="field"><span>In groups; empty: all</span><input name="groups" placeholder="1, 10%, 100%" autocomplete="off" spellcheck=${false} /></label>
    ${children}
  </div>`;
}

const callsOf = ({ minutes, groups }) => ({ within_seconds: 60 * Number(minutes), groups: groupsOf(groups) });

// Serves the files as they are, to all at once or group by group, after a look at whom that changes.
function Publish() {
  const [dryRun, tried] = useAction(() => call("POST", "/profiles/publish", { query: { dry_run: true }, body: {} }));
  const [publish, published] = useAction(async (given) => {
    const body = { ...callsOf(given), by_groups: given.by_groups === "on", after_success: given.after_success, on_error: given.on_error };
    const { campaign } = await call("POST", "/profiles/publish", { body });
    if (campaign) go(["campaigns", campaign]);
  });
  const submit = (event) => {
    event.preventDefault();
    publish(Object.fromEntries(new FormData(event.target)));
  };
  const disabled = !may("profiles:write");
  return html`<${Panel} title="Publish">
    <form onSubmit=${submit}>
      <${Calls}>
        <label class="check"><input type="checkbox" name="by_groups" /> Who is not of an open group keeps what is served now</label>
        <${Choice} label="After a group" name="after_success" of=${AFTER_SUCCESS} />
        <${Choice} label="On error" name="on_error" of=${ON_ERROR} />
      <//>
      <div class="row">
        <button type="button" disabled=${disabled || tried.busy} onClick=${dryRun}>Dry run</button>
        <button type="submit" class="main" disabled=${disabled || published.busy}>Publish</button>
      </div>
    </form>
    <${Problem} of=${tried.problem ?? published.problem} />
    ${tried.done && html`<${Affected} of=${tried.done} />`}
    ${published.done && html`<p class="notice good" role="status">It is served. No device's content changed.</p>`}
    <${Command} line="mogate profile publish --dry-run" />
  <//>`;
}

// Makes an edition of before the profiles again, just as it was planned.
function GoBack({ edition, profiles, plan }) {
  const [allowed, allow] = useState(false);
  const gone = plan.changes.filter((one) => one.change === "deleted").map((one) => one.profile);
  const [apply, applied] = useAction(async (given) => {
    const body = { profiles, plan: plan.plan, allow_deletions: allowed, ...callsOf(given) };
    const { campaign } = await call("POST", "/profiles/apply", { body });
    if (campaign) go(["campaigns", campaign]);
  });
  const submit = (event) => {
    event.preventDefault();
    apply(Object.fromEntries(new FormData(event.target)));
  };
  return html`<${Panel} title=${`Serve ${edition} again`}>
    <form onSubmit=${submit}>
      <${Calls} />
      ${gone.length > 0 && html`<label class="check tools"><input type="checkbox" checked=${allowed} onChange=${(event) => allow(event.target.checked)} /> Delete ${gone.join(", ")}</label>`}
      <button type="submit" class="main" disabled=${applied.busy || (gone.length > 0 && !allowed) || !may("profiles:write")}>Serve it again</button>
    </form>
    <${Problem} of=${applied.problem} />
    ${applied.done && html`<p class="notice good" role="status">It is served. No device's content changed.</p>`}
  <//>`;
}
