// What follows from a SIM in another phone: the rules in force, and others tried on what was seen already.
import { call, get, may } from "../api.js";
import { html } from "../dom.js";
import { Badge, Command, Heading, Loaded, Panel, Problem, Table, useAction, useLoad, When } from "../parts.js";
import { to } from "../route.js";
import { pushName } from "../sessions.js";

const HOUR_MS = 3_600_000;
const SPANS = [[1, "The last hour"], [24, "The last day"], [168, "The last week"], [720, "The last 30 days"]];
const EXAMPLE = '[rules.new-phone]\ncauses = ["first-imei", "changed-imei"]\nmatch = { plan = "premium" }\njoin = ["welcome"]\nreach = true';

export function Rules() {
  const loaded = useLoad(() => get("/detections/rules"), []);
  return html`<${Heading} title="Rules" />
    <div class="stack">
      <${Loaded} from=${loaded}>${(rules) => html`
        <${Table} label="Rules in force" head=${["Rule", "When", "Seen by", "For", "Then"]} empty="No rule is in force. They are in the file that the setting detection.rules names; try some below first.">
          ${rules.map((rule) => html`<tr key=${rule.name}>
            <th scope="row">${rule.name}</th>
            <td>${rule.causes.map(words).join(", ")}</td>
            <td>${rule.sources.join(", ") || "any source"}</td>
            <td>${matchOf(rule.match)}</td>
            <td><${Following} of=${rule} /></td>
          </tr>`)}
        <//>`}<//>
      <${Trial} />
    </div>`;
}

const words = (name) => name.replaceAll("-", " ");
const matchOf = (match) => Object.entries(match).map(([facet, values]) => `${facet} ${values.join(" or ")}`).join(", ") || "everybody";

// What a rule, or several together, would have done.
function Following({ of: { join, leave, plan, attributes, reach, way, within_seconds: within, webhook } }) {
  const calls = ["is made to call", way && `by ${pushName(way)}`, within > 0 && `within ${within} s`].filter(Boolean);
  const said = [
    ...join.map((group) => `joins ${group}`),
    ...leave.map((group) => `leaves ${group}`),
    ...(plan === null ? [] : [`gets the plan ${plan}`]),
    ...Object.entries(attributes).map(([name, value]) => `${name} = ${value}`),
    ...(reach ? [calls.join(" ")] : []),
    ...(webhook ? ["is told to webhooks"] : []),
  ];
  return html`${said.join("; ") || html`<span class="muted">nothing</span>`}`;
}

// Rules tried on the detections of the log; nothing is done.
function Trial() {
  const [run, { busy, problem, done }] = useAction((form) => {
    const { hours, rules } = Object.fromEntries(new FormData(form));
    const until = Date.now();
    const body = { since: new Date(until - hours * HOUR_MS), until: new Date(until), ...(rules.trim() ? { rules } : {}) };
    return call("POST", "/detections/replay", { body });
  });
  return html`<${Panel} title="Try rules on what was seen">
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); run(event.target); }}>
      <label class="field"><span>Rules to try, as in their file; empty: those in force</span><textarea name="rules" rows="6" placeholder=${EXAMPLE} spellcheck=${false} /></label>
      <div class="row">
        <label class="check">Seen in <select name="hours">${SPANS.map(([hours, name]) => html`<option key=${hours} value=${hours} selected=${hours === 24}>${name}</option>`)}</select></label>
        <button type="submit" class="main" disabled=${busy || !may("detections:read")}>Try</button>
        <span class="muted">Nothing is done.</span>
      </div>
    </form>
    <${Problem} of=${problem} />
    ${done && html`<${Table} label="What would follow" head=${["Seen", "Device", "What", "Rules", "Then"]} empty="No SIM was seen in another phone in that time.">
      ${done.map((one) => html`<tr key=${one.seq}>
        <td><${When} at=${one.at} exact /></td>
        <th scope="row"><a href=${to(["subscribers", one.subscriber_id, ...(one.device_id ? [one.device_id] : [])])}>${one.device_id || one.subscriber_id}</a></th>
        <td>${words(one.cause)}</td>
        <td>${one.rules.map((name) => html`<${Badge} key=${name} tone="accent">${name}<//> `)}</td>
        <td><${Following} of=${one} /></td>
      </tr>`)}
    <//>`}
    <${Command} line="mogate detect --replay --dry-run --hours 24" />
  <//>`;
}
