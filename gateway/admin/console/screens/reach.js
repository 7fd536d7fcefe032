// Getting a phone to call, and watching what becomes of it.
import { call, get, may, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Command, Facts, Panel, Problem, timeOf, useAction, useLoad, When } from "../parts.js";
import { to } from "../route.js";
import { pushName } from "../sessions.js";

const FINAL = ["failed", "contacted"];
const SHOWN = 4;

// The ways this phone can be reached: what they are called, and their calls of the API and the command line.
function waysTo(subscriber, device) {
  const ways = [];
  if (device.omadm) {
    ways.push({ name: "Wake over OMA DM", path: `/devices/${segment(device.id)}/notification`, line: `mogate push notify ${device.id}` });
  }
  if (subscriber.imsis.length && (device.rcc14 || !device.omadm)) {
    ways.push({
      name: "Have RCC.14 clients ask anew", path: `/subscribers/${segment(subscriber.id)}/reconfiguration`,
      query: { imsi: device.rcc14?.imsi }, line: `mogate push rcscfg ${subscriber.id}`,
    });
  }
  return ways;
}

export function Reach({ subscriber, device, reload }) {
  const [shown, setShown] = useState(null);
  const [send, { busy, problem, done }] = useAction(async (way) => {
    setShown(null);
    const push = await call("POST", way.path, { query: way.query });
    await reload();
    return push;
  });
  const [preview, looked] = useAction(async (way) => setShown({ ...way, push: await call("POST", way.path, { query: { ...way.query, dry_run: true } }) }));
  const [again, coded] = useAction(() => call("POST", `/subscribers/${segment(subscriber.id)}/codes`));
  const [until, held] = useAction(() => call("POST", `/devices/${segment(device.id)}/reach`, { body: {} }));
  const pushes = [...device.pushes].sort((one, other) => other.ordered_at.localeCompare(one.ordered_at));
  return html`<${Panel} title="Reach now">
    ${waysTo(subscriber, device).map((way) => html`<p class="row" key=${way.name}>
      <button type="button" class="main" disabled=${busy || !may("pushes:write")} onClick=${() => send(way)}>${way.name}</button>
      <button type="button" class="quiet" disabled=${!may("pushes:write")} onClick=${() => preview(way)}>Preview</button>
    </p>`)}
    <p class="row">
      <button type="button" disabled=${held.busy || !may("reach:write")} onClick=${until}>Have it call, and try until it does</button>
      ${subscriber.msisdn && (device.rcc14 || !device.omadm) && html`<button type="button" disabled=${coded.busy || !may("pushes:write")} onClick=${again}>Send a code again</button>`}
    </p>
    <${Problem} of=${problem ?? looked.problem ?? held.problem ?? coded.problem} />
    ${held.done && html`<p class="notice" role="status">Pushes go out until it calls, the last before ${timeOf(held.done.deadline_at)}.</p>`}
    ${coded.done && html`<p class="notice good" role="status">A new code is on its way to the number; the client has to bring it before ${timeOf(coded.done.good_until)}.</p>`}
    ${done && html`<${Progress} key=${done.id} id=${done.id} />`}
    ${shown && html`<div class="preview">
      <${Facts} of=${Object.entries(shown.push.fields)} />
      <pre tabindex="0" aria-label="Octets of the short messages">${shown.push.segments.join("\n")}</pre>
      <${Command} line=${shown.line} />
    </div>`}
    ${pushes.length > 0 && html`<ul class="plain" aria-label="Last pushes">
      ${pushes.slice(0, SHOWN).map((push) => html`<li key=${push.id}><${Badge}>${push.state}<//> ${pushName(push.kind)} <${When} at=${push.ordered_at} /> <span class="muted">${push.why}</span></li>`)}
    </ul>
    ${may("pushes:read") && html`<p><a href=${to(["messaging"], { filter: subscriber.id })}>With tries and receipts</a></p>`}`}
  <//>`;
}

const STEPS = [["ordered_at", "ordered"], ["submitted_at", "given to the bearer"], ["delivered_at", "delivered"], ["failed_at", "failed"], ["contacted_at", "the phone called"]];

// How far one push has come, followed until it ends.
export function Progress({ id }) {
  const [ended, setEnded] = useState(false);
  const { data, problem } = useLoad(async () => {
    const push = await get(`/pushes/${segment(id)}`);
    setEnded(FINAL.includes(push.state));
    return push;
  }, [id, ended], ended ? 0 : 2);
  return html`<div class="progress" role="status"><${Problem} of=${problem} />
    ${data && html`<ol>${STEPS.filter(([at]) => data[at]).map(([at, name]) => html`<li key=${at}>${name} <${When} at=${data[at]} exact /></li>`)}</ol>
    ${!ended && html`<p class="muted">${data.why || "Waiting for the phone to call …"}</p>`}`}
  </div>`;
}
