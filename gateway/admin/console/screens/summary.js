import { get, segment } from "../api.js";
import { html } from "../dom.js";
import { findings } from "../findings.js";
import { Badge, Command, Facts, Loaded, localised, Panel, Table, toneOf, useLoad, When } from "../parts.js";
import { to } from "../route.js";
import { protocolName, sessionsOf } from "../sessions.js";
import { Lock } from "./lock.js";
import { Reach } from "./reach.js";

const SHOWN_SESSIONS = 6;
const EXCHANGES = 60;

export function Summary({ subscriber, device, reload }) {
  const here = (tab) => to(["subscribers", subscriber.id, device.id], { tab });
  return html`
    <${Findings} of=${findings(subscriber, device)} here=${here} />
    <div class="grid">
      <${Reach} subscriber=${subscriber} device=${device} reload=${reload} />
      ${device.omadm && html`<${OmaDm} of=${device} />`}
      ${device.rcc14 && html`<${Rcc14} of=${device.rcc14} />`}
      <${Protocols} of=${device} />
      <${Services} device=${device} />
      ${device.omadm && html`<${Lock} device=${device} reload=${reload} />`}
    </div>
    <${Sessions} device=${device} here=${here} />`;
}

function Findings({ of, here }) {
  if (!of.length) return html`<p class="notice good">Nothing is wrong that the gateway knows of.</p>`;
  return html`<ul class="findings" aria-label="What stands out">
    ${of.map(({ tone, text, tab }) => html`<li key=${text} class="notice ${tone}">${text} ${tab && html`<a href=${here(tab)}>Show</a>`}</li>`)}
  </ul>`;
}

function OmaDm({ of: { omadm, leaves, manufacturer, model, software } }) {
  const standings = Object.entries(Object.groupBy(leaves, (leaf) => leaf.standing));
  return html`<${Panel} title="OMA DM" aside=${html`<${Badge}>${omadm.up_to_date ? "up to date" : "not up to date"}<//>`}>
    <${Facts} of=${[
      ["Last session", html`<${When} at=${omadm.last_session_at} />`],
      ["Phone", `${manufacturer} ${model}`.trim()],
      ["Software", software],
      ["Proves itself by", omadm.auth + (omadm.certificate && ", client certificate")],
      ["Values", html`${standings.map(([name, some]) => html`<${Badge} key=${name} tone=${toneOf(name)}>${some.length} ${name}<//> `)}`],
      ["Cannot do", omadm.refused_verbs.join(", ")],
      ["Others of its model cannot", omadm.spared_verbs.join(", ")],
    ]} />
  <//>`;
}

// How far each service has come; where one failed, what the help desk reads out for the user to type in.
function Services({ device: { id } }) {
  const loaded = useLoad(() => get(`/subscribers/${segment(id)}/services`), [id]);
  return html`<${Panel} title="Services"><${Loaded} from=${loaded}>${(services) => {
    const own = services.filter((one) => one.device_id === id);
    const failed = own.find((one) => one.by_hand);
    return html`<${Facts} of=${own.map(({ service, step, at, why }) => [html`<code>${service}</code>`, html`<${Badge}>${step}<//> ${at && html`<${When} at=${at} />`} ${localised(why)}`])} />
      ${failed && html`<p>The settings for the user to type in, as the help desk can read them out:</p><${Command} line=${failed.by_hand} />`}`;
  }}<//><//>`;
}

// What the device speaks and why the gateway thinks so, and which protocol alone writes an object to it.
function Protocols({ of: { speaking, owners } }) {
  return html`<${Panel} title="What it speaks">
    <${Facts} of=${speaking.map(({ protocol, speaks, why }) => [protocolName(protocol), html`<${Badge} tone=${speaks ? "good" : ""}>${speaks ? "spoken" : "not spoken"}<//> ${localised(why)}`])} />
    ${owners.length > 0 && html`<h3>One protocol alone writes</h3>
      <${Facts} of=${owners.map(({ mo, protocol, why }) => [html`<code>${mo}</code>`, html`<${Badge} tone="accent">${protocolName(protocol)}<//> ${localised(why)}`])} />`}
  <//>`;
}

function Rcc14({ of: state }) {
  return html`<${Panel} title="RCC.14" aside=${html`<${Badge}>${state.activation}<//>`}>
    <${Facts} of=${[
      ["Activation", state.activation],
      ["Version due", state.version],
      ["Last sent", html`${state.sent_version || "none"}${state.sent_at && html`, <${When} at=${state.sent_at} />`}`],
      ["Says it holds", !state.reported_version ? "nothing yet" : html`${state.reported_version}, <${When} at=${state.reported_at} />`],
      ["SIM proven", state.imsi || "none: an additional device"],
      ["Token", state.has_token ? "issued" : "none"],
      ["Terms of use", state.terms_sent && (state.terms_accepted === state.terms_sent ? `${state.terms_sent} accepted` : `${state.terms_sent} not accepted`)],
    ]} />
    <details><summary>What it says of itself</summary>
      <${Facts} of=${[...Object.entries(state.parameters), ...Object.entries(state.unknown)]} />
    </details>
  <//>`;
}

function Sessions({ device, here }) {
  const loaded = useLoad(() => get(`/devices/${segment(device.id)}/trace`, { last: EXCHANGES }), [device.id], 0, device.last_seen_at);
  return html`<${Panel} title="Last sessions" aside=${html`<a href=${here("sessions")}>All, decoded</a>`}>
    <${Loaded} from=${loaded}>${(exchanges) => html`
      <${Table} label="Last sessions" head=${["When", "Protocol", "Messages", "Came to"]} empty="No session was traced.">
        ${sessionsOf(exchanges).slice(0, SHOWN_SESSIONS).map((session) => html`<tr key=${session.key}>
          <td><a href=${`${here("sessions")}&session=${session.key}`}><${When} at=${session.at} exact /></a></td>
          <td>${session.protocol}</td>
          <td class="number">${session.exchanges.length}</td>
          <td>${session.refusals.map((refusal) => html`<${Badge} key=${refusal} tone="bad">${refusal}<//> `)}${session.outcome}</td>
        </tr>`)}
      <//>`}<//>
  <//>`;
}
