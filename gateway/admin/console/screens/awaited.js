// Those who are waited for, known or not, and what they said from their first contact on.
import { call, get, may, segment } from "../api.js";
import { html } from "../dom.js";
import { Choice, Command, Grave, Loaded, Panel, Problem, Table, useAction, useLoad, useNews, When } from "../parts.js";
import { to } from "../route.js";
import { sessionsOf } from "../sessions.js";
import { List } from "./trace.js";

const KINDS = [["imsi", "IMSI"], ["msisdn", "MSISDN"], ["imei", "IMEI"], ["address", "address or network"]];
const HOURS = [["60", "an hour"], ["1440", "a day"], ["10080", "a week"]];
const POLL_SECONDS = 5;
const EXCHANGES = 200;

// Waiting for somebody who is not known yet, beside the live sessions.
export function Awaited() {
  const loaded = useLoad(() => get("/trace/awaited"), [], POLL_SECONDS);
  const [begin, { busy, problem }] = useAction(async (form) => {
    const { kind, value, minutes } = Object.fromEntries(new FormData(form));
    await call("POST", "/trace/awaited", { body: { kind, value: value.trim(), minutes: Number(minutes) } });
    form.reset();
    await loaded.reload();
  });
  const [end, ended] = useAction(async (id) => {
    await call("DELETE", `/trace/awaited/${segment(id)}`);
    await loaded.reload();
  });
  const submit = (event) => {
    event.preventDefault();
    begin(event.target);
  };
  const locked = !may("trace:write");
  return html`<${Panel} title="Wait for somebody">
    <p class="muted">All that they say is kept from their first contact on, whether they are known here or not.</p>
    <form class="row fields" onSubmit=${submit}>
      <${Choice} name="kind" label="By" value="imsi" of=${KINDS} />
      <label class="field wide"><span>Whom</span><input name="value" required maxlength="200" autocomplete="off" spellcheck=${false} /></label>
      <${Choice} name="minutes" label="For" value="1440" of=${HOURS} />
      <button type="submit" disabled=${busy || locked}>Wait</button>
    </form>
    <${Problem} of=${problem ?? ended.problem} />
    <${Loaded} from=${loaded}>${(waits) => html`<${Table} label="Who is waited for" head=${["Whom", "Kept", "Until", "By", ""]} empty="Nobody is waited for.">
      ${waits.map(({ id, kind, value, exchanges, until, by }) => html`<tr key=${id}>
        <th scope="row"><a href=${to(["live", id])}>${kind.toUpperCase()} ${value}</a></th>
        <td class="number">${exchanges}</td><td><${When} at=${until} exact /></td><td>${by}</td>
        <td><${Grave} name="End" of=${value} disabled=${ended.busy || locked} act=${() => end(id)} /></td></tr>`)}
    <//>`}<//>
    <${Command} line="mogate trace --awaited" />
  <//>`;
}

// What one of them said.
export function AwaitedTrace({ id }) {
  const path = `/trace/awaited/${segment(id)}`;
  const wait = useLoad(() => get(path), [id]);
  const loaded = useNews({
    path: `${path}/exchanges`,
    first: { last: EXCHANGES },
    newest: (exchanges) => exchanges.at(-1)?.seq,
    join: (exchanges, news) => [...exchanges, ...news].slice(-EXCHANGES),
  });
  return html`<${Loaded} from=${wait}>${({ kind, value, until }) => html`
    <p>${kind.toUpperCase()} ${value}, waited for until <${When} at=${until} exact />. <a href=${to(["live"])}>All live sessions</a></p>`}<//>
    <${Loaded} from=${loaded}>${(exchanges) => html`<${List} of=${sessionsOf(exchanges)} empty="Nothing was said yet." />`}<//>
    <${Command} line=${`mogate trace --awaited ${id}`} />`;
}
