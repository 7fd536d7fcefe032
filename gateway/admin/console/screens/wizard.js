// Beginning a campaign: which devices, what they get, and how far and how fast it may go by itself.
import { call, get } from "../api.js";
import { html, useState } from "../dom.js";
import { AFTER_SUCCESS, groupsOf, ON_ERROR } from "../groups.js";
import { Choice, Problem, useAction, useLoad } from "../parts.js";
import { go, to } from "../route.js";

// Devices, and values, that another screen chose for the next campaign.
let handed = [];
let edits = [];

export function beginCampaign(devices, match = "", staged = []) {
  handed = devices;
  edits = staged;
  go(["campaigns"], { new: "1", match });
}

// "plan=gold, plan=silver, model=A1" as facet -> values.
function matchOf(text) {
  const match = {};
  for (const one of text.split(/[,;\n]/).map((part) => part.trim()).filter(Boolean)) {
    const [facet, value] = one.split("=").map((part) => part.trim());
    if (!value) throw new Error(`${one} is no facet=value, such as plan=premium`);
    (match[facet] ??= []).push(value);
  }
  return match;
}

const linesOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function valuesOf(text) {
  return Object.fromEntries(linesOf(text).map((line) => {
    const [node, ...rest] = line.split("=");
    if (!rest.length) throw new Error(`${line} is no NODE=VALUE, such as ims/Timer_T1=3000`);
    return [node.trim(), rest.join("=").trim()];
  }));
}

// Staged edits as the fields have them; each device of a campaign gets a value for itself, whomever it was staged for.
function asValues(staged) {
  const set = staged.filter(({ value }) => value !== null);
  return {
    set: set.map(({ node, value }) => `${node}=${value}`).join("\n"),
    unset: staged.filter(({ value }) => value === null).map(({ node }) => node).join("\n"),
  };
}

function operationsOf(text) {
  try {
    return JSON.parse(text || "[]");
  } catch (problem) {
    throw new Error(`The operations are no JSON: ${problem.message}`);
  }
}

// What a campaign can bring: the fields of each kind, and what they say to the API.
const CONTENTS = {
  values: { name: "Values", of: ({ values, unset }) => ({ values: valuesOf(values), unset: linesOf(unset) }) },
  operations: { name: "Operations", of: ({ operations }) => ({ operations: operationsOf(operations) }) },
  package: { name: "A firmware package", of: ({ package: id }) => ({ package: id }) },
  address: { name: "Another address to call", of: ({ address }) => ({ address }) },
};

// Terms of a campaign that can be changed while it goes on: their fields, and what these say to the API.
export function Terms({ of = {} }) {
  const { begin = "", end = "", timezone = ZONE } = of.window ?? {};
  return html`<div class="row fields">
      <${Choice} label="After a good group" name="after_success" of=${AFTER_SUCCESS} value=${of.after_success} />
      <${Choice} label="After a bad one" name="on_error" of=${ON_ERROR} value=${of.on_error} />
      <${Number_} label="Devices a minute" name="rate" min="0.001" max="600000" step="any" defaultValue=${of.rate_per_minute ?? 60} />
      <${Text} label="Only from" name="begin" type="time" defaultValue=${begin.slice(0, 5)} />
      <${Text} label="Until" name="end" type="time" defaultValue=${end.slice(0, 5)} />
      <${Text} label="In the time zone" name="timezone" defaultValue=${timezone} />
      <${Number_} label="Hours for each device" name="deadline" min="0.0001" max="8760" step="any" defaultValue=${(of.device_deadline_seconds ?? 604_800) / 3600} />
      <${Number_} label="Tries after a failure" name="retries" min="0" max="10" defaultValue=${of.retries ?? 0} />
    </div>`;
}

export const termsOf = (given) => ({
  after_success: given.after_success,
  on_error: given.on_error,
  rate_per_minute: Number(given.rate),
  window: given.begin && given.end ? { begin: given.begin, end: given.end, timezone: given.timezone } : null,
  device_deadline_seconds: Math.round(3600 * Number(given.deadline)),
  retries: Number(given.retries),
});

function bodyOf(kind, given) {
  const limits = { success_percent: Number(given.success), error_percent: Number(given.errors) };
  return {
    name: given.name,
    target: { devices: given.devices.split(/[\s,;]+/).filter(Boolean), match: matchOf(given.match), ranges: given.ranges.split(/[\s,;]+/).filter(Boolean), dynamic: given.dynamic === "on" },
    ...CONTENTS[kind].of(given),
    groups: groupsOf(given.groups || "100%", limits),
    ...termsOf(given),
    paused: true,
  };
}

const Text = ({ label, ...rest }) => html`<label class="field"><span>${label}</span><input autocomplete="off" spellcheck=${false} ...${rest} /></label>`;
const Number_ = ({ label, ...rest }) => html`<label class="field"><span>${label}</span><input type="number" required ...${rest} /></label>`;
const Lines = ({ label, rows = 3, ...rest }) => html`<label class="field"><span>${label}</span><textarea rows=${rows} spellcheck=${false} ...${rest}></textarea></label>`;

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

export function Wizard({ query }) {
  const [kind, setKind] = useState("values");
  const [devices] = useState(handed);
  const [{ set, unset }] = useState(() => asValues(edits));
  const [create, { busy, problem }] = useAction(async (given) => {
    const made = await call("POST", "/campaigns", { body: bodyOf(kind, given) });
    handed = [];
    edits = [];
    go(["campaigns", made.id]);
  });
  const submit = (event) => {
    event.preventDefault();
    create(Object.fromEntries(new FormData(event.target)));
  };
  return html`<details class="panel new" open=${query.new === "1"}><summary>New campaign</summary>
    <form class="stack" onSubmit=${submit}>
      <fieldset><legend>Which devices</legend>
        <div class="row fields">
          <${Text} label="Name" name="name" required />
          <${Text} label="Devices that match" name="match" defaultValue=${query.match} placeholder="plan=premium, model=B7" />
          <${Text} label="Of these only numbers in" name="ranges" placeholder="+1555, +15550-+15559" />
          <label class="check"><input type="checkbox" name="dynamic" /> Also those that come to match later</label>
        </div>
        <${Lines} label="And these first: ids or IMEIs, in this order" name="devices" rows="2" defaultValue=${devices.join("\n")} />
      </fieldset>
      <fieldset><legend>What they get</legend>
        <div class="row tools" role="radiogroup" aria-label="What they get">
          ${Object.entries(CONTENTS).map(([key, { name }]) => html`<label class="check" key=${key}><input type="radio" name="kind" value=${key} checked=${kind === key} onChange=${() => setKind(key)} /> ${name}</label>`)}
          <a href="#/editions">An edition of the profiles …</a>
        </div>
        ${kind === "values" && html`
          <${Lines} label="Values, one NODE=VALUE a line" name="values" placeholder="ims/Timer_T1=3000" defaultValue=${set} />
          <${Lines} label="Values to take back, one NODE a line" name="unset" rows="2" defaultValue=${unset} />`}
        ${kind === "operations" && html`<${Lines} label="Operations, as JSON" name="operations" rows="5" required placeholder='[{"verb": "Get", "uri": "./DevDetail/SwV"}]' />`}
        ${kind === "package" && html`<${Packages} />`}
        ${kind === "address" && html`<${Text} label="Address of this gateway, for OMA DM" name="address" type="url" required />`}
      </fieldset>
      <fieldset><legend>How far and how fast</legend>
        <div class="row fields">
          <${Text} label="Groups: so many, or so many of all" name="groups" defaultValue="1, 10%, 100%" />
          <${Number_} label="Good at % ok" name="success" min="0" max="100" defaultValue="90" />
          <${Number_} label="Bad above % failed" name="errors" min="0" max="100" defaultValue="10" />
        </div>
        <${Terms} />
      </fieldset>
      <div class="row"><button type="submit" class="main" disabled=${busy}>Find the devices</button>
        <span class="muted">It waits, paused, until you resume it; where campaigns need that, it first waits for somebody else's approval.</span></div>
      <${Problem} of=${problem} />
    </form>
  </details>`;
}

function Packages() {
  const { data, problem } = useLoad(() => get("/packages"), []);
  const firmware = (data ?? []).filter((one) => one.kind === "firmware");
  return html`<label class="field"><span>Package</span><select name="package" required>
      ${firmware.map(({ id, name, version }) => html`<option key=${id} value=${id}>${name} ${version}</option>`)}
    </select></label>
    ${data && !firmware.length && html`<p class="muted">There is none yet: the screen <a href=${to(["packages"])}>Packages</a> takes one in.</p>`}
    <${Problem} of=${problem} />`;
}
