import { call, get, may, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Command, Facts, Grave, Heading, Loaded, Problem, Table, useAction, useLoad, When } from "../parts.js";
import { go, to } from "../route.js";

const REFRESH_SECONDS = 3;
const MEMBERS = 200;

const STATES = ["pending", "started", "ok", "failed", "skipped", "undone"];

// What can be done with a campaign in each state.
const STEERING = {
  building: ["pause", "stop"],
  running: ["pause", "next", "stop", "undo"],
  paused: ["resume", "next", "stop", "undo"],
  finished: ["undo"],
  stopped: ["undo"],
};
const NAMES = { pause: "Pause", resume: "Resume", next: "Next group now", stop: "Stop", undo: "Undo" };
const GRAVE = ["stop", "undo"];

export function Campaigns() {
  const loaded = useLoad(() => get("/campaigns", { limit: 1000 }), [], REFRESH_SECONDS);
  return html`<${Heading} title="Campaigns" />
    ${may("campaigns:write") && html`<${NewCampaign} reload=${loaded.reload} />`}
    <${Loaded} from=${loaded}>${(campaigns) => html`
      <${Table} label="Campaigns" head=${["Campaign", "State", "Devices", "Begun", "Ended", "Why"]} empty="There is no campaign.">
        ${campaigns.toReversed().map((one) => html`<tr key=${one.id}>
          <th scope="row"><a href=${to(["campaigns", one.id])}>${one.name}</a></th>
          <td><${Badge}>${one.state}<//></td>
          <td class="number">${one.total}</td>
          <td><${When} at=${one.created_at} /></td>
          <td><${When} at=${one.ended_at} never="" /></td>
          <td>${one.why}</td>
        </tr>`)}
      <//>`}<//>`;
}

// "plan=gold, plan=silver, model=A1" as facet -> values.
function matchOf(text) {
  const match = {};
  for (const one of text.split(/[,\n]/).map((part) => part.trim()).filter(Boolean)) {
    const [facet, value = ""] = one.split("=").map((part) => part.trim());
    (match[facet] ??= []).push(value);
  }
  return match;
}

const valuesOf = (text) => Object.fromEntries(text.split("\n").filter((line) => line.trim()).map((line) => [line.split("=")[0].trim(), line.slice(line.indexOf("=") + 1).trim()]));

function NewCampaign({ reload }) {
  const [create, { busy, problem }] = useAction(async (form) => {
    const { name, match, values, first, rate } = Object.fromEntries(new FormData(form));
    const groups = Number(first) ? [{ size: Number(first) }, { percent: 100 }] : [];
    const body = { name, target: { match: matchOf(match) }, values: valuesOf(values), groups, rate_per_minute: Number(rate), paused: true };
    const made = await call("POST", "/campaigns", { body });
    form.reset();
    await reload();
    go(["campaigns", made.id]);
  });
  return html`<details class="panel new"><summary>New campaign</summary>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); create(event.target); }}>
      <div class="row fields">
        <label class="field"><span>Name</span><input name="name" required autocomplete="off" /></label>
        <label class="field"><span>Devices that match</span><input name="match" required placeholder="plan=premium, model=B7" autocomplete="off" spellcheck=${false} /></label>
        <label class="field"><span>First group</span><input name="first" type="number" min="0" value="10" /></label>
        <label class="field"><span>Devices a minute</span><input name="rate" type="number" min="1" value="60" /></label>
      </div>
      <label class="field"><span>Values, one NODE=VALUE a line</span><textarea name="values" rows="3" required placeholder="ims/Timer_T1=3000" spellcheck=${false} /></label>
      <div class="row"><button type="submit" class="main" disabled=${busy}>Find the devices</button>
        <span class="muted">It waits, paused, until you resume it.</span></div>
      <${Problem} of=${problem} />
    </form>
  </details>`;
}

export function Campaign({ path: [id] }) {
  const [chosen, setChosen] = useState({});
  const loaded = useLoad(() => get(`/campaigns/${segment(id)}`), [id], REFRESH_SECONDS);
  return html`<${Loaded} from=${loaded}>${(campaign) => html`
    <section class="identity"><${Heading} title=${campaign.name}>${campaign.name} <${Badge}>${campaign.state}<//><//>
      <${Facts} of=${[
        ["Devices", campaign.total],
        ["Begun", html`<${When} at=${campaign.created_at} />`],
        ["Rate", `${campaign.rate_per_minute} a minute`],
        ["After a group", campaign.after_success],
        ["On error", campaign.on_error],
        ["Why", campaign.why],
        ["Sets", Object.entries(campaign.values).map(([node, value]) => `${node} = ${value}`).join(", ")],
        ["Takes back", campaign.unset.join(", ")],
        ["Package", campaign.package],
      ]} /></section>
    <${Steering} of=${campaign} reload=${loaded.reload} />
    <${Groups} of=${campaign.groups} onState=${(state) => setChosen({ state })} />
    ${Object.keys(campaign.errors).length > 0 && html`<p class="row">Failed with ${Object.entries(campaign.errors).map(([code, number]) => html`<button type="button" class="small" key=${code} onClick=${() => setChosen({ code })}>${code}: ${number}</button>`)}</p>`}
    <${Members} id=${id} chosen=${chosen} onAll=${() => setChosen({})} />
    <${Command} line=${`mogate campaign show ${id}`} />`}<//>`;
}

function Steering({ of: { id, state }, reload }) {
  const [steer, { busy, problem }] = useAction(async (verb) => {
    await call("POST", `/campaigns/${segment(id)}/${verb}`);
    return reload();
  });
  const disabled = busy || !may("campaigns:write");
  return html`<p class="row">${(STEERING[state] ?? []).map((verb) =>
    GRAVE.includes(verb)
      ? html`<${Grave} key=${verb} name=${NAMES[verb]} disabled=${disabled} act=${() => steer(verb)} />`
      : html`<button type="button" key=${verb} disabled=${disabled} onClick=${() => steer(verb)}>${NAMES[verb]}</button>`,
  )}</p><${Problem} of=${problem} />`;
}

function Groups({ of, onState }) {
  return html`<${Table} label="Groups" head=${["Group", "Devices", "Open", "How they stand"]}>
    ${of.map((group, number) => html`<tr key=${number}>
      <th scope="row">${number + 1}</th>
      <td class="number">${group.size}</td>
      <td>${group.open ? "open" : "not yet"}</td>
      <td><span class="row">${STATES.filter((state) => group[state]).map((state) => html`<button type="button" class="small" key=${state} onClick=${() => onState(state)}>${state}: ${group[state]}</button>`)}</span></td>
    </tr>`)}
  <//>`;
}

function Members({ id, chosen, onAll }) {
  const loaded = useLoad(() => get(`/campaigns/${segment(id)}/devices`, { ...chosen, limit: MEMBERS }), [id, chosen.state, chosen.code], REFRESH_SECONDS);
  const shown = chosen.state ?? chosen.code;
  return html`<h2 class="below">Devices ${shown && html`<${Badge} tone="accent">${shown}<//> <button type="button" class="quiet small" onClick=${onAll}>Show all</button>`}</h2>
    <${Loaded} from=${loaded}>${(members) => html`
      <${Table} label="Devices of the campaign" head=${["Device", "State", "Group", "Code", "Tries", "Started"]} empty="None.">
        ${members.map((member) => html`<tr key=${member.device_id}>
          <th scope="row"><a href=${to(["subscribers", member.device_id.split(".")[0], member.device_id])}>${member.device_id}</a></th>
          <td><${Badge}>${member.state}<//></td><td class="number">${member.group}</td><td>${member.code}</td>
          <td class="number">${member.attempts}</td><td><${When} at=${member.started_at} never="not yet" /></td>
        </tr>`)}
      <//>`}<//>`;
}
