// The demo's phone and client, played against this gateway: what they say and hear, as it happens. In a laboratory only.
import { call, get, may, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Badge, Choice, Command, Heading, Loaded, Problem, useAction, useLoad, useWatch } from "../parts.js";
import { kindOf } from "../sessions.js";

const DEVICES = [["omadm", "the OMA DM phone"], ["rcc14", "the RCC.14 client"]];

export function Simulator() {
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
    <${Loaded} from=${loaded}>${({ devices }) => devices.length === 0
      ? html`<p class="notice">No device is played here: that is for data directories with the demo.</p>`
      : html`<form class="row fields" onSubmit=${submit}>
          <${Choice} name="device" label="Play" value="omadm" of=${DEVICES} />
          <label class="field wide"><span>Nodes that the phone refuses, URI=STATUS each</span><input name="refuse" placeholder="./3GPP_IMS/Timer_T1=405" autocomplete="off" spellcheck=${false} /></label>
          <label class="check"><input type="checkbox" name="wbxml" /> WBXML</label>
          <button type="submit" class="main" disabled=${busy || !may("devices:write")}>Run</button>
        </form>
        <${Problem} of=${problem} />
        ${run && html`<${Run} key=${run} id=${run} />`}`}<//>
    <${Command} line="mogate simulate omadm" />`;
}

function refusal(entry) {
  const [, uri, code] = /^(\..+)=(\d{3})$/.exec(entry) ?? [];
  if (!uri) throw new Error(`${entry} is not URI=STATUS, such as ./3GPP_IMS/Timer_T1=405`);
  return [uri, Number(code)];
}

function Run({ id }) {
  const watched = useWatch(`/simulator/runs/${segment(id)}`);
  return html`<${Loaded} from=${watched}>${({ steps, result }) => html`
    <p role="status">${result ? html`Over: <${Badge} tone=${result === "ok" ? "good" : "bad"}>${result}<//>` : "Running …"}</p>
    <div class="exchanges" role="log" aria-label="What was said">${steps.map(({ direction, line, says }, number) => html`<article key=${number} class="message ${direction}">
      <header><span class="way">${direction === "sent" ? "phone → gateway" : "gateway → phone"}</span></header>
      <p class="line">${line}</p>
      <ul class="says">${says.map((said, place) => html`<li key=${place} class=${kindOf(said)}>${said}</li>`)}</ul>
    </article>`)}</div>`}<//>`;
}
