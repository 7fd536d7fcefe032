// The demo's phone and client, played against this gateway: what they say and hear, as it happens. In a laboratory only.
import { call, get, may, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Choice, Command, Heading, Loaded, Problem, useAction, useLoad, useWatch } from "../parts.js";
import { go } from "../route.js";
import { kindOf } from "../sessions.js";

const DEVICES = [["omadm", "the OMA DM phone"], ["rcc14", "the RCC.14 client"]];

// With `like` and `of` it is played in the manner of a traced session, to be compared with it.
export function Simulator({ query: { device: played = "omadm", wbxml: inWbxml, refuse: refusing = "", like, of } }) {
  const loaded = useLoad(() => get("/simulator"), []);
  const [run, setRun] = useState("");
  const [start, { busy, problem }] = useAction(async (form) => {
    const { device, wbxml, refuse } = Object.fromEntries(new FormData(form));
    const refused = refuse.trim() && Object.fromEntries(refuse.trim().split(/\s+/).map(refusal));
    const body = { device, ...(device === "omadm" && { wbxml: Boolean(wbxml), refuse: refused || {} }) };
    setRun((await call("POST", "/simulator/runs", { body })).id);
  });
  const submit = (event) => {
    event.preventDefault();
    start(event.target);
  };
  return html`<${Heading} title="Simulator" />
    ${like && html`<p class="notice">In the manner of session ${like} of ${of}: ${played === "rcc14" ? "the demo's client asks as it does with what it holds itself" : "the demo's phone speaks as that phone did and refuses what it refused"}. It has an account, a tree and values of its own, so those differ.</p>`}
    <${Loaded} from=${loaded}>${({ devices }) => devices.length === 0
      ? html`<p class="notice">No device is played here: that is for data directories with the demo.</p>`
      : html`<form class="row fields" onSubmit=${submit}>
          <${Choice} name="device" label="Play" value=${played} of=${DEVICES} />
          <label class="field wide"><span>Nodes that the phone refuses, URI=STATUS each</span><input name="refuse" defaultValue=${refusing} placeholder="./3GPP_IMS/Timer_T1=405" autocomplete="off" spellcheck=${false} /></label>
          <label class="check"><input type="checkbox" name="wbxml" defaultChecked=${Boolean(inWbxml)} /> WBXML</label>
          <button type="submit" class="main" disabled=${busy || !may("devices:write")}>Run</button>
        </form>
        <${Problem} of=${problem} />
        ${run && html`<${Run} key=${run} id=${run} like=${like} of=${of} played=${played} />`}`}<//>
    <${Command} line=${lineOf(played, inWbxml, refusing)} />`;
}

function refusal(entry) {
  const [, uri, code] = /^(\..+)=(\d{3})$/.exec(entry) ?? [];
  if (!uri) throw new Error(`${entry} is not URI=STATUS, such as ./3GPP_IMS/Timer_T1=405`);
  return [uri, Number(code)];
}

const lineOf = (played, wbxml, refusing) => [`mogate simulate ${played}`, wbxml && "--wbxml", ...refusing.split(/\s+/).filter(Boolean).map((one) => `--refuse ${one}`)].filter(Boolean).join(" ");

// The way to the session that was played last, beside the one that it was to be like.
function Beside({ like, of, played }) {
  const [look, { busy, problem }] = useAction(async () => {
    const [newest] = await get("/trace", { protocol: played, limit: 1 });
    if (!newest) throw new Error("It was not traced: which sessions are kept is the setting trace.mode.");
    const { id } = await get(`/subscribers/${segment(of)}`);
    go(["subscribers", id, of], { tab: "sessions", compare: like, with: newest.owner });
  });
  return html`<p><button type="button" class="main" disabled=${busy} onClick=${look}>Compare with session ${like} of ${of}</button></p><${Problem} of=${problem} />`;
}

function Run({ id, like, of, played }) {
  const watched = useWatch(`/simulator/runs/${segment(id)}`);
  return html`<${Loaded} from=${watched}>${({ steps, result }) => html`
    <p role="status">${result ? html`Over: <${Badge} tone=${result === "ok" ? "good" : "bad"}>${result}<//>` : "Running …"}</p>
    ${result && like && html`<${Beside} like=${like} of=${of} played=${played} />`}
    <div class="exchanges" role="log" aria-label="What was said">${steps.map(({ direction, line, says }, number) => html`<article key=${number} class="message ${direction}">
      <header><span class="way">${direction === "sent" ? "phone → gateway" : "gateway → phone"}</span></header>
      <p class="line">${line}</p>
      <ul class="says">${says.map((said, place) => html`<li key=${place} class=${kindOf(said)}>${said}</li>`)}</ul>
    </article>`)}</div>`}<//>`;
}
