// Who is told of events over HTTP, and what came of each message.
import { call, get, may, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Command, Copy, Facts, Grave, Heading, Loaded, Pager, Panel, Problem, Table, useAction, useLoad, When } from "../parts.js";
import { go, to } from "../route.js";

const REFRESH_SECONDS = 3;
const PAGE = 100;

export function Webhooks({ query: { after = "" } }) {
  const loaded = useLoad(() => get("/webhooks", { after, limit: PAGE }), [after]);
  return html`<${Heading} title="Webhooks" />
    ${may("webhooks:write") && html`<${NewWebhook} reload=${loaded.reload} />`}
    <${Loaded} from=${loaded}>${(webhooks) => html`
      <${Table} label="Webhooks" head=${["Receiver", "Told of", "State", "Since"]} empty="Nobody is told of events. Add a receiver above.">
        ${webhooks.map(({ id, url, events, disabled, created_at: createdAt }) => html`<tr key=${id}>
          <th scope="row" class="value"><a href=${to(["webhooks", id])}>${url}</a></th>
          <td class="node">${events.join(", ")}</td>
          <td><${Badge} tone=${disabled ? "bad" : "good"}>${disabled ? "disabled" : "active"}<//> ${disabled}</td>
          <td><${When} at=${createdAt} exact /></td>
        </tr>`)}
      <//>
      <${Pager} path=${["webhooks"]} query=${{ after }} page=${webhooks} size=${PAGE} />`}<//>`;
}

function NewWebhook({ reload }) {
  const [create, { busy, problem, done }] = useAction(async (form) => {
    const { url, events } = Object.fromEntries(new FormData(form));
    const made = await call("POST", "/webhooks", { body: { url, events: events.split(/[\s,]+/).filter(Boolean) } });
    form.reset();
    await reload();
    return made;
  });
  return html`<${Panel} title="New webhook">
    <form class="row fields" onSubmit=${(event) => { event.preventDefault(); create(event.target); }}>
      <label class="field wide"><span>Address of the receiver</span><input name="url" type="url" required placeholder="where events are to be posted" autocomplete="off" spellcheck=${false} /></label>
      <label class="field wide"><span>Kinds of events</span><input name="events" required placeholder="value.refused, campaign.*" autocomplete="off" spellcheck=${false} /></label>
      <button type="submit" class="main" disabled=${busy}>Add</button>
    </form>
    <${Problem} of=${problem} />
    ${done && html`<p class="notice good" role="status">The secret that the receiver checks signatures with is shown once: <code>${done.secret}</code> <${Copy} text=${done.secret} of="the secret" /> <a href=${to(["webhooks", done.id])}>Send a test</a></p>`}
  <//>`;
}

export function Webhook({ path: [id], query: { after = "" } }) {
  const path = `/webhooks/${segment(id)}`;
  const loaded = useLoad(() => get(path), [id]);
  const log = useLoad(() => get(`${path}/deliveries`, { after, limit: PAGE }), [id, after], REFRESH_SECONDS);
  const disabled = !may("webhooks:write");
  const [test, tested] = useAction(() => call("POST", `${path}/test`));
  const [replay, replayed] = useAction(async (delivery) => {
    const { count } = await call("POST", `${path}/replay`, { query: { delivery } });
    await Promise.all([loaded.reload(), log.reload()]);
    return count ? `${count} on ${count === 1 ? "its" : "their"} way again.` : "Nothing had failed.";
  });
  const [remove, removed] = useAction(async () => {
    await call("DELETE", path);
    go(["webhooks"]);
  });
  return html`<${Loaded} from=${loaded} title=${`Webhook ${id}`}>${(webhook) => html`
    <section class="identity"><${Heading} title=${webhook.url}>${webhook.url} <${Badge} tone=${webhook.disabled ? "bad" : "good"}>${webhook.disabled ? "disabled" : "active"}<//><//>
      <${Facts} of=${[["Id", webhook.id], ["Told of", webhook.events.join(", ")], ["Since", html`<${When} at=${webhook.created_at} exact />`], ["Why disabled", webhook.disabled && `${webhook.disabled}; sending again what failed enables it`]]} /></section>
    <p class="row">
      <button type="button" class="main" disabled=${disabled || tested.busy} onClick=${test}>Send a test</button>
      <button type="button" disabled=${disabled || replayed.busy} onClick=${() => replay()}>Send again what failed</button>
      <${Grave} name="Remove" disabled=${disabled || removed.busy} act=${remove} />
    </p>
    <${Problem} of=${tested.problem ?? replayed.problem ?? removed.problem} />
    ${tested.done && html`<p class="notice ${tested.done.state === "delivered" ? "good" : "bad"}" role="status">${tested.done.state === "delivered" ? `The receiver took the test: HTTP ${tested.done.status}.` : `The test did not arrive: ${tested.done.why}.`}</p>`}
    ${replayed.done && html`<p class="notice good" role="status">${replayed.done}</p>`}
    <h2 class="below">Messages, oldest first</h2>
    <${Loaded} from=${log}>${(messages) => html`
      <${Table} label="Messages" head=${["When", "Event", "State", "Tries", "Last answer", "Body", ""]} empty="No event of these kinds has happened since.">
        ${messages.map((message) => html`<tr key=${message.id}>
          <td><${When} at=${message.created_at} exact /></td>
          <th scope="row">${message.kind}</th>
          <td><${Badge}>${message.state}<//></td>
          <td class="number">${message.attempts}</td>
          <td class="value">${message.why || message.status} ${message.attempts > 0 && html`<${When} at=${message.tried_at} />`}</td>
          <td><details><summary>Show</summary><pre tabindex="0">${message.body}</pre></details></td>
          <td><button type="button" class="quiet small" disabled=${disabled || replayed.busy} aria-label=${`Send ${message.kind} of ${message.created_at} again`} onClick=${() => replay(message.id)}>Send again</button></td>
        </tr>`)}
      <//>
      <${Pager} path=${["webhooks", id]} query=${{ after }} page=${messages} size=${PAGE} />`}<//>
    <${Command} line=${`mogate webhook log ${id}`} />`}<//>`;
}
