// What operators and jobs asked of a device, and what came of it.
import { call, may, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Command, Grave, Panel, Problem, Table, useAction, When } from "../parts.js";

export function Operations({ device, reload }) {
  const path = `/devices/${segment(device.id)}`;
  const [cancel, cancelling] = useAction(async (kind, id) => {
    await call("DELETE", `${path}/${kind}/${segment(id)}`);
    await reload();
  });
  const [retry, retrying] = useAction(async ({ id, verb, uri }) => {
    await call("POST", `${path}/operations/${segment(id)}/retry`);
    await reload();
    return `${verb} ${uri}`;
  });
  const busy = cancelling.busy || retrying.busy;
  const ofJob = ({ id }) => device.jobs.some((job) => running(job) && id.startsWith(`${job.id}.`));
  return html`<div class="stack">
    <${Problem} of=${cancelling.problem ?? retrying.problem} />
    ${retrying.done && html`<p class="notice good" role="status">${retrying.done} is queued again: it goes out when the phone next calls.</p>`}
    <${Panel} title="Jobs">
      <${Table} label="Jobs" head=${["What", "State", "Step", "Result", "Created", ""]} empty="No job was ordered. Locks are on the summary, what the phone can tell under diagnostics, firmware and software are ordered with mogate device firmware and mogate device software.">
        ${device.jobs.toReversed().map((job) => html`<tr key=${job.id}>
          <th scope="row">${job.kind} ${job.action} ${job.subject}</th>
          <td><${Badge}>${job.state}<//></td>
          <td>${job.step}${job.percent !== null && ` ${job.percent} %`}</td>
          <td>${job.code} ${job.meaning}</td>
          <td><${When} at=${job.created_at} /></td>
          <td>${running(job) && html`<${Grave} name="Cancel" of=${`${job.kind} ${job.action}`} disabled=${busy || !may("jobs:write")} act=${() => cancel("jobs", job.id)} />`}</td>
        </tr>`)}
      <//>
    <//>
    <${Panel} title="Operations">
      <${Table} label="Operations" head=${["Operation", "Outcome", "Sent", "Created", ""]} empty="Nothing was asked of this device.">
        ${device.operations.toReversed().map((operation) => html`<tr key=${operation.id}>
          <th scope="row" class="node">${operation.verb} ${operation.uri}${operation.value !== null && ` = ${operation.value}`}</th>
          <td><${Outcome} of=${operation} /></td>
          <td><${When} at=${operation.sent_at} never="not yet" /></td>
          <td><${When} at=${operation.created_at} /></td>
          <td>${operation.status === null && !ofJob(operation) && html`<${Grave} name="Cancel" of=${`${operation.verb} ${operation.uri}`} disabled=${busy || !may("operations:write")} act=${() => cancel("operations", operation.id)} />`}
            ${canRetry(operation) && html`<button type="button" class="small" aria-label=${`Retry ${operation.verb} ${operation.uri}`} disabled=${busy || !may("operations:write")} onClick=${() => retry(operation)}>Retry</button>`}</td>
        </tr>`)}
      <//>
    <//>
    <${Command} line=${`mogate device show ${device.id}`} />
  </div>`;
}

// Of the codes below 300 these say that it was not carried out after all: cancelled, not executed, rolled back.
const succeeded = (status) => status < 300 && ![214, 215, 216].includes(status);

// What failed by itself; a step of a job or what waited for a user's answer is begun anew with those.
const canRetry = ({ id, status, waits_for: waitsFor }) => status !== null && !succeeded(status) && !id.includes(".") && !waitsFor;

const running = (job) => job.state === "running";

function Outcome({ of: { status, meaning, results } }) {
  if (status === null) return html`<${Badge}>waits<//>`;
  const read = Object.entries(results);
  return html`<${Badge} tone=${succeeded(status) ? "good" : "bad"}>${`${status} ${meaning}`}<//>
    ${read.length > 0 && html`<details><summary>${read.length} read</summary><ul class="says">${read.map(([uri, value]) => html`<li key=${uri}>${uri} = ${value}</li>`)}</ul></details>`}`;
}
