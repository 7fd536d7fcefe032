// Locking and wiping a phone. What is grave is asked for twice: the first answer of the gateway has the code of the second call.
import { call, may, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Command, Panel, Problem, timeOf, useAction, When } from "../parts.js";

const ACTS = [["lock", "Lock"], ["partial-lock", "Lock partly"], ["unlock", "Unlock"], ["wipe", "Wipe"], ["factory-reset", "Reset to factory state"]];

export function Lock({ device, reload }) {
  const [asked, setAsked] = useState(null);
  const [start, { busy, problem, done }] = useAction(async (action, name, confirm) => {
    const job = await call("POST", `/devices/${segment(device.id)}/jobs`, { body: { kind: "lock", action, ...(confirm && { confirm }) } });
    setAsked(job.state === "unconfirmed" ? { action, name, code: job.confirm, until: job.confirm_until } : null);
    if (job.state === "unconfirmed") return null;
    await reload();
    return job;
  });
  const last = device.jobs.findLast(({ kind }) => kind === "lock");
  return html`<${Panel} title="Lock and wipe">
    <div class="row actions">
      ${ACTS.map(([action, name]) => html`<button type="button" key=${action} disabled=${busy || !may("jobs:write")} onClick=${() => start(action, name)}>${name}</button>`)}
    </div>
    ${asked && html`<div class="notice warn" role="alertdialog" aria-label="Confirm">
      <p>${asked.name}: ${phoneOf(device)}? It cannot be called back once the phone has it. Good until ${timeOf(asked.until)}.</p>
      <p class="row"><button type="button" class="grave" disabled=${busy} onClick=${() => start(asked.action, asked.name, asked.code)}>Really ${asked.name.toLowerCase()}</button>
      <button type="button" class="quiet" onClick=${() => setAsked(null)}>Leave it</button></p>
    </div>`}
    <${Problem} of=${problem} />
    ${done?.state === "running" && html`<p class="notice" role="status">It waits for the phone's next session. Wake it to have that now.</p>`}
    ${last && html`<p>Last: ${last.action} <${Badge}>${last.state}<//> ${last.code} ${last.meaning || last.step} <${When} at=${last.created_at} /></p>`}
    <${Command} line=${`mogate device lock ${device.id}`} />
  <//>`;
}

const phoneOf = ({ id, manufacturer, model, imei }) => [id, `${manufacturer} ${model}`.trim(), imei && `IMEI ${imei}`].filter(Boolean).join(", ");
