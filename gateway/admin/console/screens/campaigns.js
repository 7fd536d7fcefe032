import { call, get, may, me, read, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { AFTER_SUCCESS, ON_ERROR } from "../groups.js";
import { Badge, Command, Facts, Grave, Heading, Loaded, Problem, Table, useAction, useLoad, useWatch, When } from "../parts.js";
import { to } from "../route.js";
import { Terms, termsOf, Wizard } from "./wizard.js";

const MEMBERS = 200;

const STATES = ["pending", "started", "ok", "failed", "skipped", "undone"];

// What can be done with a campaign in each state.
const STEERING = {
  building: ["stop"],
  waiting: ["stop", "undo"],
  running: ["pause", "next", "stop", "undo"],
  paused: ["resume", "next", "stop", "undo"],
  finished: ["undo"],
  stopped: ["undo"],
  rejected: ["undo"],
};
// Of these there may be nothing to undo.
const UNTOUCHED = ["waiting", "rejected"];
const CHANGEABLE = ["building", "waiting", "running", "paused"];
const NAMES = { pause: "Pause", resume: "Resume", next: "Next group now", stop: "Stop", undo: "Undo" };
const GRAVE = ["stop", "undo"];

export function Campaigns({ query }) {
  const loaded = useWatch("/campaigns", { limit: 1000 });
  return html`<${Heading} title="Campaigns" />
    ${may("campaigns:write") && html`<${Wizard} query=${query} />`}
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

export function Campaign({ path: [id], query }) {
  const { state = "", code = "", after = "" } = query;
  const here = (chosen) => to(["campaigns", id], chosen);
  const loaded = useWatch(`/campaigns/${segment(id)}`);
  return html`<${Loaded} from=${loaded} title=${`Campaign ${id}`}>${(campaign) => html`
    <section class="identity"><${Heading} title=${campaign.name}>${campaign.name} <${Badge}>${campaign.state}<//><//>
      <${Facts} of=${[
        ["Devices", campaign.total],
        ["Begun", html`<${When} at=${campaign.created_at} />`],
        ["Ended", campaign.ended_at && html`<${When} at=${campaign.ended_at} />`],
        ["Why", campaign.why],
        ["Made by", campaign.authors.map(nameOf).join(", ")],
        ["Approved", campaign.approval?.granted && html`by ${nameOf(campaign.approval.by)} <${When} at=${campaign.approval.at} />${campaign.approval.reason && `: ${campaign.approval.reason}`}`],
        ["For", targetOf(campaign)],
        ["Looked as far as", campaign.searched_to],
        ["Sets", Object.entries(campaign.values).map(([node, value]) => `${node} = ${value}`).join(", ")],
        ["Takes back", campaign.unset.join(", ")],
        ["Operations", campaign.asks.map(askedFor).join(", ")],
        ["Cannot be undone", campaign.cannot_undo.join(", ")],
        ["Package", campaign.package],
        ["Moves to", campaign.address],
        ["Edition of the profiles", campaign.edition],
        ["Rate", `${campaign.rate_per_minute} a minute${remaining(campaign)}`],
        ["Hours", campaign.window && `${campaign.window.begin.slice(0, 5)} to ${campaign.window.end.slice(0, 5)} ${campaign.window.timezone}`],
        ["Next", campaign.state === "running" && campaign.next_start_at && html`<${When} at=${campaign.next_start_at} exact />`],
        ["Each device has", `${(campaign.device_deadline_seconds / 3600).toLocaleString("en", { maximumFractionDigits: 1 })} h${campaign.retries ? ` and ${campaign.retries} more tries` : ""}`],
        ["After a good group", nameIn(AFTER_SUCCESS, campaign.after_success)],
        ["After a bad one", nameIn(ON_ERROR, campaign.on_error)],
      ]} /></section>
    <${Steering} of=${campaign} reload=${loaded.reload} />
    ${campaign.state === "waiting" && html`<${Approval} of=${campaign} reload=${loaded.reload} />`}
    ${CHANGEABLE.includes(campaign.state) && may("campaigns:write") && html`<${Change} of=${campaign} reload=${loaded.reload} />`}
    <${Groups} of=${campaign.groups} here=${here} />
    ${Object.keys(campaign.errors).length > 0 && html`<${Errors} of=${campaign} here=${here} />`}
    ${may("events:read") && html`<p><a href=${to(["events"], { filter: id })}>What happened in it</a></p>`}
    <${Members} id=${id} stands=${campaign.groups} chosen=${{ state, code, after }} here=${here} />
    <${Command} line=${`mogate campaign show ${id}`} />`}<//>`;
}

const nameIn = (choices, key) => choices.find(([one]) => one === key)?.[1] ?? key;

const nameOf = (who) => who.replace(/^user:/, "");

const askedFor = ({ verb, uri, value, members }) => `${verb} ${uri}${value === null ? "" : ` = ${value}`}${members.length ? ` (${members.map(askedFor).join(", ")})` : ""}`;

function targetOf({ listed, match, ranges, dynamic }) {
  const facets = [
    ...Object.entries(match).map(([facet, values]) => `${facet} ${values.join(" or ")}`),
    ...(ranges.length ? [`numbers ${ranges.join(" or ")}`] : []),
  ].join(", ");
  return [listed && `${listed} listed`, facets && `${facets}${dynamic ? ", later ones too" : ""}`].filter(Boolean).join(" and ");
}

// How long the devices that wait take at this rate.
function remaining({ state, groups, rate_per_minute: rate }) {
  const waiting = groups.reduce((sum, group) => sum + group.pending, 0);
  if (state !== "running" || !waiting) return "";
  const minutes = Math.ceil(waiting / rate);
  return `, ${minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`} for those that wait`;
}

// What somebody else than its authors says to a campaign, as it is shown: one that was changed by then is looked at again.
function Approval({ of: campaign, reload }) {
  const [why, setWhy] = useState("");
  const [decide, { busy, problem }] = useAction(async (verb) => {
    const path = `/campaigns/${segment(campaign.id)}`;
    const { data, tag } = await read(path);
    if (JSON.stringify(data) !== JSON.stringify(campaign)) {
      await reload();
      throw new Error("The campaign was changed just now. Look at it again.");
    }
    await call("POST", `${path}/${verb}`, { tag, ...(why.trim() && { why: why.trim() }) });
    return reload();
  });
  const mine = campaign.authors.includes(me());
  const disabled = busy || mine || !may("approvals:write");
  return html`<section class="panel" aria-label="Approval">
    <p class="notice warn">It starts no device before somebody else approved it${mine ? ": you made or changed it" : ""}. Devices found: ${campaign.total}, listed below.</p>
    <div class="row fields">
      <label class="field wide"><span>Why (to reject it, this is needed)</span><input value=${why} maxlength="200" autocomplete="off" disabled=${disabled} onInput=${(event) => setWhy(event.target.value)} /></label>
      <button type="button" class="main" disabled=${disabled} onClick=${() => decide("approve")}>Approve</button>
      <button type="button" class="grave" disabled=${disabled || !why.trim()} onClick=${() => decide("reject")}>Reject</button>
    </div>
    <${Problem} of=${problem} />
    <${Command} line=${`mogate campaign approve ${campaign.id}`} />
  </section>`;
}

function Change({ of: campaign, reload }) {
  const [change, { busy, problem, done }] = useAction(async (given) => {
    await call("PATCH", `/campaigns/${segment(campaign.id)}`, { body: termsOf(given) });
    return reload();
  });
  const submit = (event) => {
    event.preventDefault();
    change(Object.fromEntries(new FormData(event.target)));
  };
  return html`<details class="panel"><summary>Change how it goes on</summary>
    <form class="stack" onSubmit=${submit}>
      <${Terms} of=${campaign} />
      <div class="row"><button type="submit" disabled=${busy}>Change</button>
        <span class="muted" role="status">${done ? "Changed." : campaign.needs_approval ? "It then needs approval again." : ""}</span></div>
      <${Problem} of=${problem} />
    </form>
  </details>`;
}

function Steering({ of: { id, state, groups, can_be_undone: undoable }, reload }) {
  const [steer, { busy, problem }] = useAction(async (verb) => {
    await call("POST", `/campaigns/${segment(id)}/${verb}`);
    return reload();
  });
  const disabled = busy || !may("campaigns:write");
  const offered = (STEERING[state] ?? []).filter((verb) => verb !== "undo" || (undoable && (!UNTOUCHED.includes(state) || groups.some((group) => group.pending < group.size))));
  return html`<p class="row">${offered.map((verb) =>
    GRAVE.includes(verb)
      ? html`<${Grave} key=${verb} name=${NAMES[verb]} disabled=${disabled} act=${() => steer(verb)} />`
      : html`<button type="button" key=${verb} disabled=${disabled} onClick=${() => steer(verb)}>${NAMES[verb]}</button>`,
  )}</p><${Problem} of=${problem} />`;
}

function Groups({ of, here }) {
  return html`<${Table} label="Groups" head=${["Group", "Devices", "Open", "Good at", "Bad above", "How they stand"]}>
    ${of.map((group, number) => html`<tr key=${number}>
      <th scope="row">${number + 1}</th>
      <td class="number">${group.size}</td>
      <td>${group.open ? "open" : "not yet"}</td>
      <td class="number">${group.success_percent} %</td>
      <td class="number">${group.error_percent} %</td>
      <td><span class="row">${STATES.filter((state) => group[state]).map((state) => html`<a class="button small" key=${state} href=${here({ state })}>${state}: ${group[state]}</a>`)}</span></td>
    </tr>`)}
  <//>`;
}

function Errors({ of: { errors, meanings }, here }) {
  return html`<h2 class="below">Why devices failed</h2>
    <${Table} label="Errors" head=${["Code", "Means", "Devices"]}>
      ${Object.entries(errors).sort(([, one], [, other]) => other - one).map(([code, number]) => html`<tr key=${code}>
        <th scope="row"><a href=${here({ code })}>${code}</a></th><td>${meanings[code]}</td><td class="number">${number}</td>
      </tr>`)}
    <//>`;
}

function Members({ id, stands, chosen, here }) {
  const { state, code, after } = chosen;
  const loaded = useLoad(() => get(`/campaigns/${segment(id)}/devices`, { ...chosen, limit: MEMBERS }), [id, state, code, after], 0, JSON.stringify(stands));
  const shown = state || code;
  return html`<h2 class="below">Devices ${shown && html`<${Badge} tone="accent">${shown}<//> <a class="button small" href=${here({})}>Show all</a>`}</h2>
    <${Loaded} from=${loaded}>${(members) => html`
      <${Table} label="Devices of the campaign" head=${["Device", "State", "Group", "Code", "Tries", "Started", "Had before"]} empty="None.">
        ${members.map((member) => html`<tr key=${member.device_id}>
          <th scope="row"><a href=${to(["subscribers", member.device_id.slice(0, member.device_id.lastIndexOf(".")), member.device_id])}>${member.device_id}</a></th>
          <td><${Badge}>${member.state}<//></td><td class="number">${member.group}</td><td>${member.code}</td>
          <td class="number">${member.attempts}</td><td><${When} at=${member.started_at} never="not yet" /></td>
          <td class="value">${Object.entries(member.previous).map(([node, value]) => `${node} = ${value ?? "nothing of its own"}`).join(", ")}</td>
        </tr>`)}
      <//>
      <p class="pager">
        ${after && html`<a class="button" href=${here({ state, code })}>First page</a>`}
        ${members.length === MEMBERS && html`<a class="button" href=${here({ state, code, after: members.at(-1).place + 1 })}>Next page</a>`}
      </p>`}<//>`;
}
