// Firmware and software that devices can be told to fetch.
import { call, get, may, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Choice, Command, Facts, Grave, Heading, Loaded, Panel, Problem, Table, Taken, useAction, useLoad, When } from "../parts.js";
import { to } from "../route.js";

const KINDS = [["firmware", "Firmware"], ["software", "Software"]];

export function Packages() {
  const loaded = useLoad(() => get("/packages"), []);
  const [remove, removing] = useAction(async ({ id, name, version }) => {
    await call("DELETE", `/packages/${segment(id)}`);
    await loaded.reload();
    return `${name} ${version}`;
  });
  return html`<${Heading} title="Packages" /><div class="stack">
    ${may("packages:write") && html`<${Upload} reload=${loaded.reload} />`}
    <${Problem} of=${removing.problem} />
    ${removing.done && html`<p class="notice good" role="status">${removing.done} is removed.</p>`}
    <${Loaded} from=${loaded}>${(packages) => html`
      <${Table} label="Packages" head=${["Package", "Kind", "File", "Size", "SHA-256", "Added", "Needed by", ""]} empty="There is no package yet. What devices are to fetch is uploaded first.">
        ${packages.toReversed().map((one) => html`<tr key=${one.id}>
          <th scope="row">${one.name}${"\u00a0"}${one.version}</th>
          <td><${Badge}>${one.kind}<//></td>
          <td>${one.file}</td>
          <td class="number">${sizeOf(one.size_bytes)}</td>
          <td class="value"><${Taken} text=${one.sha256} of="SHA-256"><span title=${one.sha256}>${one.sha256.slice(0, 16)}…</span><//></td>
          <td><${When} at=${one.added_at} /></td>
          <td><${Needs} of=${one} /></td>
          <td><${Grave} name="Remove" of=${`${one.name} ${one.version}`} disabled=${removing.busy || !may("packages:write")} act=${() => remove(one)} /></td>
        </tr>`)}
      <//>`}<//>
    <p class="muted">A campaign gives firmware to many devices, <code>mogate device firmware</code> and <code>mogate device software</code> to one; the device's page has how far each has come.</p>
    <${Command} line="mogate firmware list" />
  </div>`;
}

// Campaigns that name the package, jobs that give it to a device, and models whose devices get it when they ask.
function Needs({ of: { id, campaigns, jobs, more_jobs: more, models } }) {
  if (!campaigns.length && !jobs.length && !models.length) return html`<span class="muted">nothing</span>`;
  return html`<ul class="plain">
    ${campaigns.map((campaign) => html`<li key=${campaign}>campaign <a href=${to(["campaigns", campaign])}>${campaign}</a></li>`)}
    ${jobs.map(({ device, id: job, action }) => html`<li key=${job}>${action} of <a href=${to(["subscribers", device.replace(/\.[^.]*$/, ""), device])}>${device}</a></li>`)}
    ${more && html`<li><a href=${to(["devices"], { match: `package=${id}` })}>all devices that are given it</a></li>`}
    ${models.map((model) => html`<li key=${model}>model ${model}, when it asks</li>`)}
  </ul>`;
}

function Upload({ reload }) {
  const [upload, { busy, problem, done }] = useAction(async (form) => {
    const { kind, file, name, version } = Object.fromEntries(new FormData(form));
    const kept = await call("POST", "/packages", { body: file, query: { kind, file: file.name, name: name.trim(), version: version.trim() } });
    form.reset();
    await reload();
    return kept;
  });
  return html`<${Panel} title="Upload a package">
    <form class="row fields" onSubmit=${(event) => { event.preventDefault(); upload(event.target); }}>
      <${Choice} label="Kind" name="kind" value="firmware" of=${KINDS} />
      <label class="field wide"><span>File</span><input type="file" name="file" required /></label>
      <label class="field"><span>Name (without one, the file's)</span><input name="name" maxlength="100" pattern="[^@]*" title="Without @" autocomplete="off" spellcheck=${false} /></label>
      <label class="field"><span>Version</span><input name="version" maxlength="100" required autocomplete="off" spellcheck=${false} /></label>
      <button type="submit" class="main" disabled=${busy}>${busy ? "Uploading …" : "Upload"}</button>
    </form>
    <${Problem} of=${problem} />
    ${done && html`<div class="notice good" role="status"><p>${done.name} ${done.version} is here. Compare its digest with the maker's before devices get it:</p>
      <${Facts} of=${[["SHA-256", html`<code>${done.sha256}</code>`], ["Octets", done.size_bytes.toLocaleString("en")]]} /></div>`}
  <//>`;
}

const UNITS = ["octets", "KiB", "MiB", "GiB"];

function sizeOf(octets) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(octets) / 10));
  return `${(octets / 1024 ** power).toFixed(power ? 1 : 0)} ${UNITS[power]}`;
}
