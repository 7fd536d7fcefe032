// What the phone itself can tell: of itself, its capabilities, software and measurements; and what is typed into it by hand.
import { call, get, may, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Choice, Command, Facts, Panel, Problem, Table, useAction, When } from "../parts.js";
import { Join, Networks } from "./wlan.js";

export function Diagnostics({ subscriber, device, reload }) {
  return html`<div class="grid">
    ${device.omadm && html`
      <${Read} title="What it says of itself" kind="inventory" action="read" device=${device} reload=${reload} line=${`mogate device inventory ${device.id}`}>${Leaves}<//>
      <${Read} title="Capabilities" kind="capability" action="list" device=${device} reload=${reload} line=${`mogate device capability ${device.id} list`}>${Capabilities}<//>
      <${Read} title="Software" kind="software" action="inventory" device=${device} reload=${reload} line=${`mogate device software list ${device.id}`}>${Components}<//>
      <${Read} title="Measurements" kind="diagnostics" action="list" device=${device} reload=${reload} line=${`mogate device diagnostics ${device.id} list`} more=${Measure}>${Leaves}<//>
      <${Read} title="WLANs" kind="wlan" action="list" device=${device} reload=${reload} line=${`mogate device wlan ${device.id} list`} more=${Join}>${Networks}<//>`}
    <${ByHand} subscriber=${subscriber} device=${device} />
  </div>`;
}

// One kind of thing that a job reads: what the last one found, and a button for another.
function Read({ title, kind, action, device, reload, line, more: More, children: Found }) {
  const order = async (body) => {
    await call("POST", `/devices/${segment(device.id)}/jobs`, { body: { kind, ...body } });
    await reload();
  };
  const [act, { busy, problem }] = useAction(order);
  const jobs = device.jobs.filter((job) => job.kind === kind);
  const running = jobs.find(({ state }) => state === "running");
  const last = jobs.findLast((job) => job.action === action && job.state !== "running");
  const off = busy || Boolean(running) || !may("jobs:write");
  return html`<${Panel} title=${title} aside=${html`<button type="button" class="small" disabled=${off} onClick=${() => act({ action })} aria-label=${`Ask the phone: ${title}`}>Ask the phone</button>`}>
    <${Problem} of=${problem} />
    ${running && html`<p class="notice" role="status">${running.action} ${running.subject}: ${running.step}</p>`}
    ${last ? html`<p class="muted"><${Badge}>${last.state}<//> ${last.code} ${last.meaning} <${When} at=${last.ended_at} /></p><${Found} of=${last} act=${act} off=${off} />` : html`<p class="muted">The phone was not asked yet.</p>`}
    ${More && html`<${More} jobs=${jobs} act=${act} off=${off} />`}
    <${Command} line=${line} />
  <//>`;
}

const VERBS = [["start", "start"], ["configure", "only give it its parameters"], ["stop", "stop"], ["read", "read what it measured"]];

// Starts a function with its parameters, or stops or reads it; what the last of these came to.
function Measure({ jobs, act, off }) {
  const last = jobs.findLast((job) => job.action !== "list" && job.state !== "running");
  const submit = (event) => {
    event.preventDefault();
    const { action, subject, items } = Object.fromEntries(new FormData(event.target));
    act({ action, subject: subject.trim(), items: items.split("\n").map((item) => item.trim()).filter(Boolean) });
  };
  return html`<form class="stack" aria-label="Measure" onSubmit=${submit}>
      <div class="row fields">
        <label class="field"><span>Function</span><input name="subject" required placeholder="Battery" maxlength="200" autocomplete="off" /></label>
        <${Choice} name="action" label="Do" value="start" of=${VERBS} />
      </div>
      <label class="field"><span>Parameters, NAME=VALUE a line</span><textarea name="items" rows="2" placeholder="Interval=60" spellcheck=${false} /></label>
      <p class="row"><button type="submit" disabled=${off}>Ask the phone to</button></p>
    </form>
    ${last && html`<p>${last.action} ${last.subject}: <${Badge}>${last.state}<//> ${last.code} ${last.meaning} <${When} at=${last.ended_at} /></p><${Leaves} of=${last} />`}`;
}

function Leaves({ of: { read } }) {
  return html`<${Facts} of=${Object.entries(read).map(([uri, value]) => [html`<code>${uri}</code>`, value])} />`;
}

// The capabilities by name; whether one is enabled is a leaf beside its name.
function Capabilities({ of: { read }, act, off }) {
  const nodes = Object.entries(read).filter(([uri, name]) => uri.endsWith("/Property") && name);
  return html`<${Table} label="Capabilities" head=${["Capability", "Now", ""]} empty="It has none.">
    ${nodes.map(([uri, name]) => {
      const enabled = read[uri.replace(/Property$/, "Enabled")]?.toLowerCase();
      return html`<tr key=${uri}><th scope="row">${name}</th>
        <td>${{ true: "enabled", false: html`<${Badge} tone="warn">disabled<//>` }[enabled] ?? ""}</td>
        <td class="row">${["enable", "disable"].map((action) => html`<button type="button" key=${action} class="small" disabled=${off} aria-label=${`${action} ${name}`} onClick=${() => act({ action, subject: name })}>${action}</button>`)}</td></tr>`;
    })}
  <//>`;
}

function Components({ of: { components } }) {
  return html`<${Table} label="Software" head=${["Component", "Name", "Version", "State"]} empty="It has none.">
    ${components.map(({ node, id, name, version, state }) => html`<tr key=${node}><th scope="row">${id}</th><td>${name}</td><td>${version}</td><td>${state}</td></tr>`)}
  <//>`;
}

// What the user of a phone that takes no settings types in, to be read out.
function ByHand({ subscriber, device }) {
  const [show, { busy, problem, done }] = useAction(() => get(`/subscribers/${segment(subscriber.id)}/instructions`, { device: device.id }));
  return html`<${Panel} title="Set up by hand" aside=${html`<button type="button" class="small" disabled=${busy || !may("documents:read")} onClick=${show}>Show what to type</button>`}>
    <p class="muted">For a phone that cannot take settings: what its user types into its menus.</p>
    <${Problem} of=${problem} />
    ${done && done.parts.map(({ title, where, entries }) => html`<section key=${title + where}><h3>${title}${where && `: ${where}`}</h3>
      <${Facts} of=${entries.map(({ label, value }) => [label, value])} /></section>`)}
    ${done && done.left_out.length > 0 && html`<p class="muted">No menu has: ${done.left_out.join(", ")}</p>`}
    <${Command} line=${`mogate render ${subscriber.id} --device ${device.id} --as manual`} />
  <//>`;
}
