// Subscribers of a file: first what would become of each row, then the same for good.
import { call } from "../api.js";
import { html, useRef, useState } from "../dom.js";
import { Badge, Command, Heading, Panel, Problem, Table, useAction } from "../parts.js";
import { to } from "../route.js";
import { COLUMNS, linesOf } from "../rows.js";

const PART_ROWS = 200;
const PART_CHARS = 250_000;
const SHOWN_FAULTS = 200;
const OUTCOMES = { created: ["new", "good"], present: ["there already, left as they are", ""], failed: ["wrong", "bad"] };

export function Import() {
  const [file, setFile] = useState(null);
  const [went, setWent] = useState(null);
  // What became of the rows, `dry` or for good: counts by outcome, and the faults with their lines.
  const [run, { busy, problem, done }] = useAction(async (rows, dry) => {
    const told = { dry, counts: {}, faults: [] };
    for (const part of parts(rows)) {
      const body = new Blob([part.map(({ text }) => text).join("\n")]);
      for (const { row, outcome, why } of await call("POST", "/subscribers/bulk", { query: dry ? { dry_run: true } : {}, body })) {
        told.counts[outcome] = (told.counts[outcome] ?? 0) + 1;
        if (outcome === "failed") told.faults.push({ line: part[row - 1].line, why });
      }
      setWent(part.at(-1).number);
    }
    return told;
  });
  const [take, taking] = useAction(async (given) => {
    const rows = linesOf(given.name, await given.text());
    setFile({ name: given.name, rows });
    await run(rows, true);
  });
  const current = !taking.problem && file;
  return html`<${Heading} title="Import" /><div class="stack">
    <${Drop} disabled=${busy} take=${take} />
    <${Problem} of=${taking.problem ?? problem} />
    ${current && html`<${Panel} title=${current.name} aside=${html`<span class="muted">${current.rows.length.toLocaleString("en")} rows</span>`}>
      ${busy && html`<p><progress aria-label="Rows sent" max=${current.rows.length} value=${went ?? 0}></progress></p>`}
      ${!busy && done && html`<${Outcome} of=${done} />
        ${done.dry && html`<p class="row"><button type="button" class="main" disabled=${!done.counts.created} onClick=${() => run(current.rows, false)}>Import ${counted(done.counts.created ?? 0)}</button>
          <span class="muted">Nothing is changed yet.${done.faults.length > 0 && " Rows that are wrong are left out; correct the file and drop it again, or import the others now."}</span></p>`}
        ${!done.dry && html`<p><a href=${to(["subscribers"])}>To the subscribers</a></p>`}
        <${Faults} of=${done.faults} />`}
    <//>`}
    <${Command} line="mogate import subscribers FILE" />
  </div>`;
}

function Drop({ disabled, take }) {
  const [over, setOver] = useState(false);
  const box = useRef();
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file && !disabled) take(file);
  };
  const choose = (event) => {
    const [file] = event.target.files;
    if (file) take(file);
    event.target.value = "";
  };
  return html`<div class=${over ? "drop over" : "drop"} onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <label class="field"><span>Drop a file of subscribers here, or choose it: CSV with a line of names, or lines of JSON (.jsonl)</span>
      <input ref=${box} type="file" accept=".csv,.jsonl,.ndjson,text/csv" disabled=${disabled} onChange=${choose} /></label>
    <p class="muted">Columns: <code>${COLUMNS.join(", ")}, attribute.NAME</code>. Several IMSIs or groups have spaces between them. What would become of each row is shown first.</p>
  </div>`;
}

const counted = (number) => `${number.toLocaleString("en")} ${number === 1 ? "subscriber" : "subscribers"}`;

function Outcome({ of: { dry, counts } }) {
  return html`<p role="status">${dry ? "Dry run: " : "Imported: "}${Object.entries(OUTCOMES).filter(([key]) => counts[key]).map(([key, [name, tone]]) => html`<${Badge} key=${key} tone=${tone}>${`${counts[key].toLocaleString("en")} ${name}`}<//> `)}</p>`;
}

function Faults({ of: faults }) {
  if (!faults.length) return null;
  return html`<${Table} label="Wrong rows" head=${["Line", "What is wrong"]}>
      ${faults.slice(0, SHOWN_FAULTS).map(({ line, why }) => html`<tr key=${line}><th scope="row" class="number">${line}</th><td>${why}</td></tr>`)}
    <//>
    ${faults.length > SHOWN_FAULTS && html`<p class="muted">The first ${SHOWN_FAULTS} of ${faults.length.toLocaleString("en")}.</p>`}`;
}

// Rows in parts that each fit into one request.
function* parts(rows) {
  let part = [];
  let size = 0;
  for (const row of rows) {
    if (part.length === PART_ROWS || (part.length && size + row.text.length > PART_CHARS)) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(row);
    size += row.text.length;
  }
  if (part.length) yield part;
}
