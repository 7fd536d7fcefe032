// A file of the profiles as text: edited, checked, looked at for whom it changes, and served.
import { call, get, may } from "../api.js";
import { html, useEffect, useRef, useState } from "../dom.js";
import { filesOf } from "../diff.js";
import { begin, collisions, discard, edit, proposed, rebase, textOf, useDrafts } from "../drafts.js";
import { Badge, Choice, Command, Heading, Loaded, Panel, Problem, useAction, useLoad } from "../parts.js";
import { go, to } from "../route.js";
import { Affected, Apply, Files, Served, Statements } from "./planned.js";

const CHANGED_MEANWHILE = 412;
const COVER = '"***"';

export const fileOf = (profile) => profile.file.split("/").at(-1);
export const editorOf = (file) => to(["profiles", "files", file]);

// What a new profile begins with, by its layer: whom a profile of the layer usually matches.
const MATCHES = {
  operator: "",
  tenant: '[match]\ntenant = "NAME"\n\n',
  model: '[match]\nmanufacturer = "MAKER"\nmodel = "MODEL"\n\n',
  plan: '[match]\nplan = "NAME"\n\n',
  group: '[match]\ngroup = "NAME"\n\n',
};

// Begins a profile in a file of its own, called after its layer and it.
export function NewProfile({ profiles }) {
  const [add, { problem }] = useAction(async ({ name, layer }) => {
    const file = `${layer}-${name}.toml`;
    await begin();
    if (textOf(file) !== null || profiles.some((one) => one.name === name)) throw new Error(`There is ${name} already.`);
    edit(file, `name = "${name}"\nlayer = "${layer}"\n\n${MATCHES[layer]}[mo.ims]\n`);
    go(["profiles", "files", file]);
  });
  const submit = (event) => {
    event.preventDefault();
    add(Object.fromEntries(new FormData(event.target)));
  };
  return html`<details class="new"><summary>New profile</summary>
    <form class="row fields" onSubmit=${submit}>
      <label class="field"><span>Name of the profile</span><input name="name" required maxlength="90" pattern="[A-Za-z0-9_.\\-]+" title="Letters, digits, - _ and ." autocomplete="off" spellcheck=${false} /></label>
      <${Choice} name="layer" label="Layer" value="plan" of=${Object.keys(MATCHES).map((layer) => [layer, layer])} />
      <button type="submit">Begin it</button>
    </form>
    <${Problem} of=${problem} />
  </details>`;
}

// Says that edits wait, wherever profiles are shown.
export function Waiting() {
  const { edits } = useDrafts();
  const names = [...edits.keys()];
  if (!names.length) return null;
  return html`<p class="notice warn">Not served yet, and gone with this page: edits of ${names.map((name, place) => html`${place > 0 && ", "}<a key=${name} href=${editorOf(name)}>${name}</a>`)}</p>`;
}

export function Editor({ file }) {
  const loaded = useLoad(begin, []);
  return html`<${Loaded} from=${loaded} title=${file}>${() => html`<${Edited} file=${file} reload=${loaded.reload} />`}<//>`;
}

function Edited({ file, reload }) {
  const { base, edits, version } = useDrafts();
  const [served, setServed] = useState(null);
  const text = textOf(file);
  const state = edits.has(file) ? (text === null ? "deleted" : file in base.profiles ? "edited" : "new") : text === null ? "not there" : "as it is";
  const look = (devices) => async () => {
    const files = proposed();
    setServed(null);
    return { version, files, devices, plan: await call("POST", "/profiles/plan", { query: devices ? {} : { devices: false }, body: files }) };
  };
  const [check, checked, forgetCheck] = useAction(look(false));
  const [plan, planned, forgetPlan] = useAction(look(true));
  const [said, forget] = [planned.done || planned.problem || planned.busy ? planned : checked, () => { forgetCheck(); forgetPlan(); }];
  const begun = (act) => () => { forget(); act(); };
  const applied = (made) => {
    forget();
    discard();
    setServed(made);
    reload();
  };
  const change = (next) => {
    forget();
    setServed(null);
    edit(file, next);
  };
  const busy = checked.busy || planned.busy;
  const shown = said.done?.version === version && said.done;
  const fault = said.problem?.place.file ? said.problem.place : {};
  const keys = (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key !== "Enter") return;
    event.preventDefault();
    begun(event.shiftKey ? plan : check)();
  };
  return html`
    <section class="identity"><${Heading} title=${file}>${file} <${Badge} tone=${state === "deleted" ? "bad" : edits.has(file) ? "accent" : ""}>${state}<//><//></section>
    <p><a href=${to(["profiles"])}>All profiles</a> · <a href=${to(["editions"])}>Editions</a></p>
    ${text?.includes(COVER) && !may("secrets:read") && html`<p class="notice warn">You see secrets as ${COVER}. Files with any cannot be served from here by you.</p>`}
    ${text === null ? html`<p class="notice">${state === "deleted" ? "The file is deleted with these edits." : "There is no such file."}</p>` : html`<${Text} file=${file} text=${text} fault=${fault.file === file ? fault.line : 0} onText=${change} onKey=${keys} />`}
    <div class="row actions">
      <button type="button" disabled=${busy || !edits.size} onClick=${begun(check)} aria-keyshortcuts="Control+Enter">Check</button>
      <button type="button" class="main" disabled=${busy || !edits.size} onClick=${begun(plan)} aria-keyshortcuts="Control+Shift+Enter">See what it changes</button>
      ${edits.has(file) && html`<button type="button" onClick=${() => change(base.profiles[file] ?? null)}>Put ${file} back</button>`}
      ${text !== null && html`<button type="button" class="grave" onClick=${() => change(null)}>Delete ${file}</button>`}
      <${Former} file=${file} onText=${change} />
      <span class="muted">Ctrl+Enter checks; with Shift it shows what changes</span>
    </div>
    ${said.problem && (said.problem.status === CHANGED_MEANWHILE ? html`<${Overtaken} base=${base} goOn=${forget} />` : html`<${Fault} of=${said.problem} here=${file} />`)}
    ${served && html`<${Served} of=${served} />`}
    <${Staged} />
    ${shown && html`
      <${Statements} of=${shown.plan} />
      ${shown.devices ? html`<${Affected} of=${shown.plan} />` : html`<p class="notice good" role="status">Nothing is wrong with it. Devices were not looked at.</p>`}
      ${shown.devices && shown.plan.changes.length > 0 && html`<${Apply} title="Serve it" name="Serve it" ...${shown.files} plan=${shown.plan} applied=${applied} />`}`}
    <${Command} line=${`mogate profile export DIR && mogate plan DIR --base ${base.edition}`} />`;
}

// The text with its lines numbered; `fault` is the line that something is wrong in.
function Text({ file, text, fault, onText, onKey }) {
  const area = useRef();
  const lines = text.split("\n");
  useEffect(() => {
    if (!fault) return;
    const start = lines.slice(0, fault - 1).join("\n").length + (fault > 1 ? 1 : 0);
    area.current.focus();
    area.current.setSelectionRange(start, start + (lines[fault - 1] ?? "").length);
  }, [fault, file]);
  return html`<div class="code">
    <pre aria-hidden="true">${lines.map((_, place) => html`<span key=${place} class=${place + 1 === fault ? "bad" : ""}>${place + 1}${"\n"}</span>`)}</pre>
    <textarea ref=${area} aria-label=${`Text of ${file}`} aria-invalid=${fault ? "true" : undefined} wrap="off" rows=${lines.length + 1} spellcheck=${false} autocomplete="off" value=${text} onInput=${(event) => onText(event.target.value)} onKeyDown=${onKey} />
  </div>`;
}

// What is wrong, and where: also when that is in another file.
function Fault({ of: problem, here }) {
  const { file } = problem.place;
  return html`<${Problem} of=${problem} />
    ${file && file !== here && textOf(file) !== null && html`<p><a href=${editorOf(file)}>Edit ${file}</a></p>`}`;
}

// The text of an edition before, for the editor.
function Former({ file, onText }) {
  const editions = useLoad(() => get("/profiles/editions"), []);
  const [bring, { problem }] = useAction(async (edition) => {
    const { profiles } = await get("/profiles/files", { edition });
    if (!(file in profiles)) throw new Error(`${file} was not there in edition ${edition}.`);
    onText(profiles[file]);
  });
  if (!editions.data?.length) return null;
  const choose = (event) => {
    const { value } = event.target;
    event.target.value = "";
    if (value) bring(value);
  };
  return html`<select aria-label="Take the text of an edition before" onChange=${choose}>
      <option value="">Take the text of …</option>
      ${editions.data.map(({ edition, replaced_at: at }) => html`<option key=${edition} value=${edition}>${edition}, replaced ${at.slice(0, 16).replace("T", " ")}</option>`)}
    </select><${Problem} of=${problem} />`;
}

// All files that are edited, line by line.
function Staged() {
  const { base, edits } = useDrafts();
  if (!edits.size) return null;
  return html`<details class="staged"><summary>${edits.size === 1 ? "1 file is edited" : `${edits.size} files are edited`}</summary>
    <p class="row">${[...edits.keys()].map((name) => html`<a key=${name} href=${editorOf(name)}>${name}</a>`)}
      <button type="button" class="quiet" onClick=${discard}>Discard all</button></p>
    <div class="stack"><${Files} of=${filesOf(base.profiles, proposed().profiles)} /></div>
  </details>`;
}

// Somebody else has changed the files since: what they did, and how to go on from there.
function Overtaken({ base, goOn }) {
  const loaded = useLoad(() => get("/profiles/files"), []);
  return html`<p class="notice bad" role="alert">Somebody else has changed the profiles since you began. What you wrote is still here, and nothing of it is served.</p>
    <${Loaded} from=${loaded}>${(theirs) => {
      const both = collisions(theirs);
      const submit = (event) => {
        event.preventDefault();
        const given = new FormData(event.target);
        rebase(theirs, new Set(both.filter((name) => given.get(name) === "mine")));
        goOn();
      };
      return html`<${Panel} title="What they changed">
        <div class="stack"><${Files} of=${filesOf(base.profiles, theirs.profiles)} /></div>
        <form class="tools" onSubmit=${submit}>
          ${both.map((name) => html`<${Choice} key=${name} name=${name} label=${`Both changed the same lines of ${name}`} of=${[["mine", "keep my text"], ["theirs", "take theirs"]]} />`)}
          <button type="submit" class="main">Go on from theirs</button>
          ${both.length === 0 && html`<span class="muted">Your edits are put on top of theirs; look at what that changes before you serve it.</span>`}
        </form>
      <//>`;
    }}<//>`;
}
