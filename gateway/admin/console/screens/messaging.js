// What goes to phones as short messages: the links, what was counted, a test, and what became of each push.
import { call, get, may, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { total } from "../metrics.js";
import { Badge, Command, Facts, Filter, Heading, Loaded, Panel, Problem, Table, useAction, useWatch, When } from "../parts.js";
import { refine, to } from "../route.js";
import { pushName } from "../sessions.js";
import { EVENTS, useEvents } from "./events.js";
import { Progress } from "./reach.js";

const RESULTS = ["accepted", "delivered", "failed", "expired", "throttled"];

export function Messaging({ query: { filter = "" } }) {
  return html`<${Heading} title="Messaging" />
    <div class="stack"><div class="grid"><${Bearers} />${may("pushes:write") && html`<${Test} />`}</div><${Pushes} filter=${filter} /></div>`;
}

function Bearers() {
  const loaded = useWatch("/metrics", { name: "mogate_smpp,mogate_push_total" });
  return html`<${Panel} title="Bearers"><${Loaded} from=${loaded}>${(series) => {
    const links = series.filter((one) => one.name === "mogate_smpp_bound");
    const counted = (channel, result) => total(series, "mogate_push_total", { channel, result });
    const channels = [...new Set(series.filter((one) => one.name === "mogate_push_total").map((one) => one.labels.channel))].sort();
    const used = channels.filter((channel) => RESULTS.some((result) => counted(channel, result)));
    return html`
      <${Facts} of=${[
        ...links.map(({ labels, value }) => [`Link ${labels.link}`, html`<${Badge} tone=${value ? "good" : "bad"}>${value ? "bound" : "not bound"}<//>`]),
        ["Window", links.length > 0 && `${total(series, "mogate_smpp_window_used")} messages wait for an answer`],
      ]} />
      <${Table} label="Pushes since the start" head=${["Bearer", ...RESULTS]} empty="Nothing was sent since the gateway started. What carries messages is the setting sms.bearer.">
        ${used.map((channel) => html`<tr key=${channel}>
          <th scope="row">${channel}</th>${RESULTS.map((result) => html`<td class="number" key=${result}>${counted(channel, result)}</td>`)}
        </tr>`)}
      <//>`;
  }}<//><//>`;
}

const KINDS = {
  notification: { name: pushName("dm_notify"), path: (ref) => `/devices/${segment(ref)}/notification`, line: "mogate push notify" },
  reconfiguration: { name: pushName("rcscfg"), path: (ref) => `/subscribers/${segment(ref)}/reconfiguration`, line: "mogate push rcscfg" },
};

// One push to one phone, looked at first and then sent.
function Test() {
  const [run, { busy, problem, done }] = useAction(async (form, send) => {
    const { to: ref, kind } = Object.fromEntries(new FormData(form));
    const way = KINDS[kind];
    const push = await call("POST", way.path(ref.trim()), { query: send ? {} : { dry_run: true } });
    return { push, line: `${way.line} ${ref.trim()}` };
  });
  return html`<${Panel} title="Send a test">
    <form class="row fields" onSubmit=${(event) => { event.preventDefault(); run(event.target, event.submitter.value === "send"); }}>
      <label class="field"><span>To (MSISDN, IMSI, IMEI or id)</span><input name="to" required autocomplete="off" spellcheck=${false} /></label>
      <label class="field"><span>Message</span><select name="kind">${Object.entries(KINDS).map(([kind, { name }]) => html`<option key=${kind} value=${kind}>${name}</option>`)}</select></label>
      <button type="submit" value="look" disabled=${busy}>Preview</button>
      <button type="submit" value="send" class="main" disabled=${busy}>Send</button>
    </form>
    <${Problem} of=${problem} />
    ${done?.push.id && html`<${Progress} key=${done.push.id} id=${done.push.id} />`}
    ${done && html`<${Facts} of=${Object.entries(done.push.fields)} />
      ${done.push.segments.length > 0 && html`<pre tabindex="0" aria-label="Octets of the test">${done.push.segments.join("\n")}</pre>`}
      <${Command} line=${done.line} />`}
  <//>`;
}

// The pushes that the newest events tell of, the newest first, each as its last event left it.
function pushesOf(events) {
  const pushes = new Map();
  for (const event of events) {
    if (!event.kind.startsWith("push.") || !event.detail.push) continue;
    const { push: id, kind, why = "" } = event.detail;
    const known = pushes.get(id);
    pushes.delete(id);
    pushes.set(id, { id, kind, why, at: event.at, begun: known?.begun ?? event.at, state: event.kind.slice(5), owner: event.subscriber_id, device: event.device_id });
  }
  return [...pushes.values()].reverse();
}

function Pushes({ filter }) {
  const loaded = useEvents({});
  const word = filter.toLowerCase();
  const fits = (push) => `${push.id} ${push.kind} ${pushName(push.kind)} ${push.state} ${push.why}`.toLowerCase().includes(word);
  return html`<section aria-label="Pushes">
    <div class="tools"><${Filter} value=${filter} onInput=${(text) => refine({ filter: text })} label="Filter by phone, kind, state or fault" /><span class="muted">Of the last ${EVENTS} events</span></div>
    <${Loaded} from=${loaded}>${(events) => html`
      <${Table} label="Pushes" head=${["Ordered", "To", "Message", "State", "Since", "Tries and receipts"]} empty=${filter ? "No push is so." : "Nothing was pushed lately. Wake a phone on its page, or send a test."}>
        ${pushesOf(events).filter(fits).map((push) => html`<tr key=${push.id}>
          <td><${When} at=${push.begun} exact /></td>
          <th scope="row"><a href=${to(["subscribers", push.owner, ...(push.device ? [push.device] : [])])}>${push.device || push.owner}</a></th>
          <td>${pushName(push.kind)}</td>
          <td><${Badge}>${push.state}<//> ${push.why}</td>
          <td><${When} at=${push.at} /></td>
          <td><${Tries} id=${push.id} /></td>
        </tr>`)}
      <//>`}<//>
  </section>`;
}

// How far one push has come, asked for when somebody wants to know.
function Tries({ id }) {
  const [ask, { problem, done }] = useAction(() => get(`/pushes/${segment(id)}`));
  return html`<details onToggle=${(event) => event.target.open && ask()}><summary>Show</summary>
    <${Problem} of=${problem} />
    ${done && html`<${Facts} of=${[
      ["Tries", done.attempts],
      ["Taken", `${done.handed_over} of ${done.parts} messages`],
      ["Given", done.submitted_at && html`<${When} at=${done.submitted_at} exact />`],
      ["Receipt", html`<${When} at=${done.delivered_at} exact never="none yet" />`],
      ["Phone called", html`<${When} at=${done.contacted_at} exact never="not yet" />`],
      ["Failed", done.failed_at && html`<${When} at=${done.failed_at} exact />`],
      ["Next try", done.due_at && html`<${When} at=${done.due_at} exact />`],
      ["Fault", done.why],
    ]} />`}
  </details>`;
}
