// The help desk's page: who this is, what the phones hold, and why something may not work.
import { get, may, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Facts, Heading, Loaded, Panel, Tabs, Taken, useLoad, useTold, When } from "../parts.js";
import { to } from "../route.js";
import { protocolName } from "../sessions.js";
import { Changes } from "./audit.js";
import { Diagnostics } from "./diagnostics.js";
import { Events } from "./events.js";
import { Memberships } from "./memberships.js";
import { Operations } from "./operations.js";
import { Summary } from "./summary.js";
import { Trace } from "./trace.js";
import { Tree } from "./tree.js";
import { Values } from "./values.js";

// What happens is told; what is no event, such as that a phone was seen, is asked for now and then.
const ASKED_SECONDS = 30;
const UNTOLD_SECONDS = 5;

const TABS = [
  ["", "Summary", Summary],
  ["values", "Effective values", Values],
  ["tree", "Tree", Tree],
  ["sessions", "Sessions", Trace],
  ["operations", "Operations", Operations],
  ["diagnostics", "Diagnostics", Diagnostics],
  ["campaigns", "Campaigns", Memberships, "campaigns:read"],
  ["events", "Events", Events],
  ["changes", "Audit", Changes, "changes:read"],
];

export function Subscriber({ path: [id, chosen], query }) {
  const [turn, setTurn] = useState(0);
  const told = useTold(id, () => setTurn((times) => times + 1));
  const seconds = told ? ASKED_SECONDS : UNTOLD_SECONDS;
  const loaded = useLoad(() => get(`/subscribers/${segment(id)}`), [id], seconds, turn);
  return html`<${Loaded} from=${loaded} title=${id}>${(subscriber) => {
    const device = subscriber.devices.find((one) => one.id === chosen) ?? subscriber.devices[0];
    return html`<${Identity} of=${subscriber} />
      ${device ? html`<${Devices} of=${subscriber} chosen=${device.id} tab=${query.tab} />` : html`<${Panel} title="Devices"><p class="muted">No device of this subscriber has called, and none has an account yet.</p><//>`}
      ${device && html`<${Device} key=${device.id} subscriber=${subscriber} id=${device.id} query=${query} reload=${loaded.reload} seconds=${seconds} turn=${turn} />`}`;
  }}<//>`;
}

function Identity({ of: { id, state, msisdn, imsis, plan, tenant, groups, sims, attributes, application_states: applications } }) {
  const own = Object.entries(attributes).map(([name, value]) => `${name} = ${value}`).join(", ");
  return html`<section class="identity">
    <${Heading} title=${id}>${id} <${Badge}>${state}<//><//>
    <${Facts} of=${[
      ["MSISDN", msisdn && html`<${Taken} text=${msisdn} of="MSISDN" />`],
      ["IMSI", imsis.length > 0 && imsis.map((imsi) => html`<${Taken} key=${imsi} text=${imsi} of="IMSI" />`)],
      ["Plan", plan],
      ["Groups", groups.join(", ")],
      ["Tenant", tenant],
      ["Attributes", own],
      ["SIM keys", sims.length > 0 && "on record"],
      ...Object.entries(applications).map(([name, value]) => [name, html`<${Badge}>${value}<//>`]),
    ]} />
  </section>`;
}

function Devices({ of: { id, devices }, chosen, tab }) {
  return html`<nav class="devices" aria-label="Devices">
    ${devices.map((device) => html`<a key=${device.id} href=${to(["subscribers", id, device.id], { tab })} aria-current=${device.id === chosen ? "true" : undefined}>
      <b>${device.friendly_name || `${device.manufacturer} ${device.model}`.trim() || device.id}</b>
      <span>${device.id}${device.role === "additional" ? ", additional device" : ""}</span>
      <span class="number">IMEI ${device.imei || "unknown"}</span>
      <span>${device.protocols.map(protocolName).join(", ") || "no protocol yet"}</span>
      <span>seen <${When} at=${device.last_seen_at} /></span>
    </a>`)}
  </nav>`;
}

function Device({ subscriber, id, query, reload, seconds, turn }) {
  const loaded = useLoad(() => get(`/devices/${segment(id)}`), [id], seconds, turn);
  const refresh = () => Promise.all([loaded.reload(), reload()]);
  const tab = query.tab ?? "";
  const open = TABS.filter(([, , , needs]) => !needs || may(needs));
  const [, , View] = open.find(([key]) => key === tab) ?? open[0];
  const tabs = open.map(([key, name]) => [key, name, to(["subscribers", subscriber.id, id], { tab: key })]);
  return html`<${Tabs} of=${tabs} current=${tab} label="Views of the device" />
    <${Loaded} from=${loaded}>${(device) => html`<div class="identity"><${Facts} of=${[
      ["Device", html`<${Taken} text=${device.id} of="device" />`],
      ["IMEI", device.imei && html`<${Taken} text=${device.imei} of="IMEI" />`],
      ["LocURI", device.omadm && html`<${Taken} text=${device.omadm.loc_uri} of="LocURI" />`],
    ]} /></div>
    <${View} subscriber=${subscriber} device=${device} query=${query} reload=${refresh} />`}<//>`;
}
