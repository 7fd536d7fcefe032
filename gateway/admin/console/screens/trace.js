// What was said with a device, session by session, decoded, with what the gateway decided in between.
import { call, get, may, save, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Command, Copy, Export, Loaded, Problem, timeOf, useAction, useLoad, useNews, When } from "../parts.js";
import { to } from "../route.js";
import { kindOf, manner, sessionsOf } from "../sessions.js";
import { Comparison } from "./comparison.js";

const EXCHANGES = 200;
const ARMED_MINUTES = 60;

export function Trace(given) {
  return given.query.compare ? html`<${Comparison} key=${given.device.id} ...${given} />` : html`<${Sessions} ...${given} />`;
}

function Sessions({ subscriber, device, query }) {
  const path = `/devices/${segment(device.id)}/trace`;
  const [following, setFollowing] = useState(true);
  const loaded = useNews({
    path,
    first: { last: EXCHANGES },
    newest: (exchanges) => exchanges.at(-1)?.seq,
    join: (exchanges, news) => [...exchanges, ...news].slice(-EXCHANGES),
    on: following,
  });
  const lab = useLoad(async () => may("devices:write") && (await get("/simulator")).devices.length > 0, []);
  const [arm, armed] = useAction(() => call("PUT", path, { body: { minutes: ARMED_MINUTES } }));
  return html`<div class="tools">
      <label class="check"><input type="checkbox" checked=${following} onChange=${(event) => setFollowing(event.target.checked)} /> Follow</label>
      <button type="button" disabled=${armed.busy || !may("trace:write")} onClick=${arm}>Trace in full for an hour</button>
      <${Export} path=${path} query=${{ last: EXCHANGES }} name=${`${device.id}-trace.txt`}>Download as text<//>
      ${loaded.data && html`<${Download} name=${`${device.id}-trace.json`} of=${loaded.data} />`}
      ${armed.done && html`<span role="status">Traced in full until ${timeOf(armed.done.traced_until)}.</span>`}
      <${Problem} of=${armed.problem} />
    </div>
    <${Loaded} from=${loaded}>${(exchanges) => html`<${List} of=${sessionsOf(exchanges)} open=${query.session} place=${["subscribers", subscriber.id, device.id]} lab=${lab.data} />`}<//>
    <${Command} line=${`mogate trace ${device.id} --follow`} />`;
}

// Sessions, newest first; those of the device at that place can be compared, and in a laboratory played again.
export function List({ of, open, place, lab, empty = "No session was traced. Which ones are kept is the setting trace.mode." }) {
  if (!of.length) return html`<p class="muted empty">${empty}</p>`;
  return of.map((session, number) => html`<${Session} key=${session.key} of=${session} open=${open ? session.key === open : number === 0} compare=${place && to(place, { tab: "sessions", compare: session.key, with_session: before(of, number) })} again=${place && lab && to(["simulator"], { ...manner(session), like: session.key, of: place.at(-1) })} />`);
}

// The session of the same protocol before this one, by its key.
const before = (sessions, number) => sessions.slice(number + 1).find(({ protocol }) => protocol === sessions[number].protocol)?.key;

function Session({ of: { key, protocol, session, at, exchanges, refusals, outcome }, open, compare, again }) {
  const [shown, setShown] = useState(open);
  return html`<details class="session" open=${shown} onToggle=${(event) => setShown(event.target.open)} id=${`session-${key}`}>
    <summary>
      <b>${protocol}${session && ` session ${session}`}</b> <${When} at=${at} exact />
      ${refusals.length > 0 && html`<${Badge} tone="bad">${`${refusals.length} refused`}<//>`}
      <span class="muted">${outcome}</span>
    </summary>
    ${shown && html`${compare && html`<p class="aside"><a class="button small" href=${compare}>Compare with another</a>${again && (protocol === "OMA DM" || protocol === "RCC.14") && html` <a class="button small" href=${again}>Play it again</a>`}</p>`}<ol class="exchanges">${exchanges.map((exchange) => html`<${Exchange} key=${exchange.seq} of=${exchange} since=${exchanges[0].at} />`)}</ol>`}
  </details>`;
}

function Exchange({ of: { at, proven, messages, decisions }, since }) {
  const [received, ...sent] = messages;
  const seconds = ((Date.parse(at) - Date.parse(since)) / 1000).toFixed(3);
  return html`<li>
    <${Message} of=${received} aside=${html`<time datetime=${at} title=${timeOf(at)}>+${seconds} s</time>${!proven && html` <${Badge} tone="warn">not proven<//>`}`} />
    ${decisions.length > 0 && html`<ul class="decisions" aria-label="What the gateway decided">${decisions.map((decision, number) => html`<li key=${number}>${decision}</li>`)}</ul>`}
    ${sent.map((message, number) => html`<${Message} key=${number} of=${message} />`)}
  </li>`;
}

function Message({ of: { direction, line, says, raw }, aside }) {
  const [shown, setShown] = useState(false);
  return html`<article class="message ${direction}">
    <header>
      <span class="way">${direction === "received" ? "phone → gateway" : "gateway → phone"}</span> ${aside}
      <span class="aside"><button type="button" class="quiet small" aria-expanded=${shown} onClick=${() => setShown(!shown)}>Raw</button></span>
    </header>
    <p class="line">${line}</p>
    ${says.length > 0 && html`<ul class="says">${says.map((said, number) => html`<li key=${number} class=${kindOf(said)}>${said}</li>`)}</ul>`}
    ${shown && html`<pre tabindex="0" aria-label="As it travelled">${raw}</pre><${Copy} text=${raw} of="the message" />`}
  </article>`;
}

function Download({ name, of }) {
  const keep = () => save(new Blob([JSON.stringify(of, null, 2)], { type: "application/json" }), name);
  return html`<button type="button" class="quiet" onClick=${keep}>Download as JSON</button>`;
}
