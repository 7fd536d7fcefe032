// What operators and jobs asked of a device, and what came of it.
import { call, may, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Command, Grave, Panel, Problem, Table, useAction, When } from "../parts.js";

export function Operations({ device, reload }) {
  const [cancel, { busy, problem }] = useAction(async (kind, id) => {
    await call("DELETE", `/devices/${segment(device.id)}/${kind}/${segment(id)}`);
    await reload();
  });
  const ofJob = ({ id }) => device.jobs.some((job) => running(job) && id.startsWith(`${job.id}.`));
  return html`<div class="stack">
    <${Problem} of=${problem} />
    <${Panel} title="Jobs">
      <${Table} label="Jobs" head=${["What", "State", "Step", "Result", "Created", ""]} empty="No job was ordered. Locks are on the summary, what the phone can tell under diagnostics, firmware with mogate device.">
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
          <td>${operation.status === null && !ofJob(operation) && html`<${Grave} name="Cancel" of=${`${operation.verb} ${operation.uri}`} disabled=${busy || !may("operations:write")} act=${() => cancel("operations", operation.id)} />`}</td>
        </tr>`)}
      <//>
    <//>
    <${Command} line=${`mogate device show ${device.id}`} />
  </div>`;
}

const running = (job) => job.state === "running";

function Outcome({ of: { status, meaning, results } }) {
  if (status === null) return html`<${Badge}>waits<//>`;
  const read = Object.entries(results);
  return html`<${Badge} tone=${status < 300 ? "good" : "bad"}>${`${status} ${meaning}`}<//>
    ${read.length > 0 && html`<details><summary>${read.length} read</summary><ul class="says">${read.map(([uri, value]) => html`<li key=${uri}>${uri} = ${value}</li>`)}</ul></details>`}`;
}
