// Editions of the profiles: what differs between them, whom that changes, serving another one.
import { call, get, may } from "../api.js";
import { html } from "../dom.js";
import { filesOf } from "../diff.js";
import { AFTER_SUCCESS, ON_ERROR } from "../groups.js";
import { Choice, Command, Heading, Loaded, Panel, Problem, Table, useAction, useLoad, When } from "../parts.js";
import { go, to } from "../route.js";
import { Affected, Apply, Calls, callsOf, Files, Statements } from "./planned.js";

const NOW = "now";
const SERVED = "served";

const filesIn = (edition) => get("/profiles/files", { edition: edition === NOW ? "" : edition });

export function Editions({ query: { from = SERVED, to: until = NOW } }) {
  const loaded = useLoad(() => get("/profiles/editions"), []);
  const compare = (event) => {
    event.preventDefault();
    go(["editions"], Object.fromEntries(new FormData(event.target)));
  };
  return html`<${Heading} title="Editions" />
    <${Loaded} from=${loaded}>${(editions) => {
      const names = [[NOW, "the files as they are now"], ...editions.map(({ edition, replaced_at: at }) => [edition, `${edition}, replaced ${at.slice(0, 16).replace("T", " ")}`])];
      return html`<form class="row fields" key=${from + until} aria-label="Compare" onSubmit=${compare}>
          <${Choice} name="from" label="From" value=${from} of=${[[SERVED, "what is served"], ...names]} />
          <${Choice} name="to" label="To" value=${until} of=${names} />
          <button type="submit" class="main">Compare</button>
        </form>
        ${from === SERVED ? html`<${Planned} key=${until} edition=${until} />` : html`<${Differing} key=${from + until} from=${from} to=${until} />`}
        <h2 class="below">Editions that were replaced</h2>
        <${Table} label="Editions" head=${["Edition", "Replaced", "Files", ""]} empty="None was replaced since editions are kept.">
          ${editions.map(({ edition, replaced_at: at, files }) => html`<tr key=${edition}>
            <th scope="row"><code>${edition}</code></th><td><${When} at=${at} exact /></td><td class="number">${files}</td>
            <td><a href=${to(["editions"], { from: SERVED, to: edition })} aria-label=${`Go back to it … ${edition}`}>Go back to it …</a> <a href=${to(["editions"], { from: edition, to: NOW })} aria-label=${`What changed since ${edition}`}>What changed since</a></td>
          </tr>`)}
        <//>
        <${Command} line="mogate profile editions" />`;
    }}<//>`;
}

// Two editions side by side, as their files say it.
function Differing({ from, to: until }) {
  const loaded = useLoad(() => Promise.all([from, until].map(filesIn)), []);
  return html`<${Loaded} from=${loaded}>${([before, after]) => html`<${Files} of=${filesOf(before.profiles, after.profiles)} />`}<//>`;
}

// An edition against what is served: the statements that change, whom that changes, and serving it.
function Planned({ edition }) {
  const loaded = useLoad(async () => {
    const { profiles } = await filesIn(edition);
    return { profiles, plan: await call("POST", "/profiles/plan", { body: { profiles } }) };
  }, []);
  return html`<${Loaded} from=${loaded}>${({ profiles, plan }) => html`
    <${Statements} of=${plan} />
    ${plan.changes.length > 0 && html`<${Affected} of=${plan} />`}
    ${plan.changes.length > 0 && (edition === NOW ? html`<${Publish} />` : html`<${GoBack} edition=${edition} profiles=${profiles} plan=${plan} />`)}`}<//>`;
}

// Serves the files as they are, to all at once or group by group, after a look at whom that changes.
function Publish() {
  const [dryRun, tried] = useAction(() => call("POST", "/profiles/publish", { query: { dry_run: true }, body: {} }));
  const [publish, published] = useAction(async (given) => {
    const body = { ...callsOf(given), by_groups: given.by_groups === "on", after_success: given.after_success, on_error: given.on_error };
    const { campaign } = await call("POST", "/profiles/publish", { body });
    if (campaign) go(["campaigns", campaign]);
  });
  const submit = (event) => {
    event.preventDefault();
    publish(Object.fromEntries(new FormData(event.target)));
  };
  const disabled = !may("profiles:write");
  return html`<${Panel} title="Publish">
    <form onSubmit=${submit}>
      <${Calls}>
        <label class="check"><input type="checkbox" name="by_groups" /> Who is not of an open group keeps what is served now</label>
        <${Choice} label="After a group" name="after_success" of=${AFTER_SUCCESS} />
        <${Choice} label="On error" name="on_error" of=${ON_ERROR} />
      <//>
      <div class="row">
        <button type="button" disabled=${disabled || tried.busy} onClick=${dryRun}>Dry run</button>
        <button type="submit" class="main" disabled=${disabled || published.busy}>Publish</button>
      </div>
    </form>
    <${Problem} of=${tried.problem ?? published.problem} />
    ${tried.done && html`<${Affected} of=${tried.done} />`}
    ${published.done && html`<p class="notice good" role="status">It is served. No device's content changed.</p>`}
    <${Command} line="mogate profile publish --dry-run" />
  <//>`;
}

// Makes an edition of before the profiles again, just as it was planned.
const GoBack = ({ edition, profiles, plan }) => html`<${Apply} title=${`Serve ${edition} again`} name="Serve it again" profiles=${profiles} plan=${plan} applied=${({ campaign }) => campaign && go(["campaigns", campaign])} />`;
