// What other profiles would change, for how many devices, and serving them as they were planned.
import { call, may } from "../api.js";
import { html, useState } from "../dom.js";
import { groupsOf } from "../groups.js";
import { Badge, Panel, Problem, Table, useAction } from "../parts.js";
import { to } from "../route.js";

// Files that differ, as `filesOf` has them.
export function Files({ of: files }) {
  if (!files.length) return html`<p class="notice">They say the same.</p>`;
  return files.map(({ name, lines }) => html`<${Panel} key=${name} title=${name}>
    <pre class="diff" tabindex="0" aria-label=${`What differs in ${name}`}>${lines.map(({ mark, text }, place) => html`<span key=${place} class=${CLASSES[mark]}>${mark} ${text}${"\n"}</span>`)}</pre>
  <//>`);
}

const CLASSES = { "+": "good", "-": "bad", "…": "muted" };

// The statements that differ from what is served.
export const Statements = ({ of: plan }) => html`
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
    <//>`;

// Whom it changes: how many, and a few of them.
export const Affected = ({ of: { count, sample } }) => html`<p class="notice" role="status">
  ${count === 0 ? "No device's content changes." : html`${count === 1 ? "The content of 1 device changes" : `The content of ${count} devices changes`}: ${sample.map((id, place) => html`${place > 0 && ", "}<a key=${id} href=${to(["subscribers", id.slice(0, id.lastIndexOf(".")), id])}>${id}</a>`)}${count > sample.length && " …"}`}
</p>`;

export function Calls({ children }) {
  return html`<div class="row fields">
    <label class="field"><span>Make them call within (minutes)</span><input name="minutes" type="number" min="0" max="525600" value="60" required /></label>
    <label class="field"><span>In groups; empty: all</span><input name="groups" placeholder="1, 10%, 100%" autocomplete="off" spellcheck=${false} /></label>
    ${children}
  </div>`;
}

export const callsOf = ({ minutes, groups }) => ({ within_seconds: 60 * Number(minutes), groups: groupsOf(groups) });

// Serves all files as a plan of them said; `applied` is told what came of it.
export function Apply({ title, name, profiles, base = "", plan, applied }) {
  const [allowed, allow] = useState(false);
  const gone = plan.changes.filter((one) => one.change === "deleted").map((one) => one.profile);
  const [apply, { busy, problem, done }] = useAction(async ({ silent, ...given }) => {
    const body = { profiles, base, plan: plan.plan, allow_deletions: allowed, call: silent !== "on", ...callsOf(given) };
    const made = await call("POST", "/profiles/apply", { body });
    applied(made);
    return made;
  });
  const submit = (event) => {
    event.preventDefault();
    apply(Object.fromEntries(new FormData(event.target)));
  };
  return html`<${Panel} title=${title}>
    <form onSubmit=${submit}>
      <${Calls}><label class="check"><input type="checkbox" name="silent" /> Make no device call: each takes it when it does</label><//>
      ${gone.length > 0 && html`<label class="check tools"><input type="checkbox" checked=${allowed} onChange=${(event) => allow(event.target.checked)} /> Delete ${gone.join(", ")}</label>`}
      <button type="submit" class="main" disabled=${busy || (gone.length > 0 && !allowed) || !may("profiles:write")}>${name}</button>
    </form>
    <${Problem} of=${problem} />
    ${done && html`<${Served} of=${done} />`}
  <//>`;
}

// What came of serving them.
export const Served = ({ of: { count, campaign } }) => html`<p class="notice good" role="status">
  It is served. ${count === 0 ? "No device's content changed." : campaign ? html`<a href=${to(["campaigns", campaign])}>A campaign</a> makes ${count === 1 ? "1 device" : `${count} devices`} call.` : "Devices take it when they call."}
</p>`;
