// Rows of field, comparison and value that write the expression of a search, for who does not know how it is written.
import { html } from "../dom.js";

const FACETS = ["plan", "group", "tenant", "manufacturer", "model", "software", "tac", "role", "plmn", "state", "version", "package"];
const FIELDS = [...FACETS.map((name) => [name, name]), ["attributes.", "attribute"], ["seen", "last seen"]];
const COMPARISONS = { seen: [["<", "within the last"], [">", "longer ago than"]], other: [["=", "is"]] };
const comparisonsOf = (field) => COMPARISONS[field] ?? COMPARISONS.other;

// "plan=gold; seen>30d" as rows; a condition that is no such row is kept as it stands.
export function rowsOf(text) {
  return text.split(";").map((part) => part.trimStart()).filter(Boolean).map((part) => {
    const [, name, comparison, value] = /^([\w.-]+)\s*([=<>])\s*(.*)$/.exec(part) ?? [];
    const attribute = name?.startsWith("attributes.") && comparison === "=";
    if (attribute) return { field: "attributes.", name: name.slice("attributes.".length), comparison, value };
    const known = FIELDS.some(([field]) => field === name) && comparisonsOf(name).some(([sign]) => sign === comparison);
    return known ? { field: name, name: "", comparison, value } : { raw: part };
  });
}

export const textOf = (rows) => rows.map(({ raw, field, name, comparison, value }) => raw ?? `${field}${name}${comparison}${value}`).join("; ");

export function Builder({ text, write }) {
  const rows = rowsOf(text);
  const put = (number, change) => write(textOf(rows.map((row, place) => (place === number ? { ...row, ...change } : row))));
  const choose = (number, field) => {
    const [[comparison]] = comparisonsOf(field);
    put(number, { field, comparison, name: field === "attributes." ? "name" : "", value: field === "seen" ? "30d" : "" });
  };
  return html`<details class="builder"><summary>Build the filter</summary>
    <ul class="plain" aria-label="Conditions">
      ${rows.map((row, number) => html`<li class="row fields" key=${number}>
        ${row.raw ? html`<code>${row.raw}</code>` : html`<${Row} of=${row} put=${(change) => put(number, change)} choose=${(field) => choose(number, field)} />`}
        <button type="button" class="quiet small" aria-label=${`Remove condition ${number + 1}`} onClick=${() => write(textOf(rows.filter((_, place) => place !== number)))}>Remove</button>
      </li>`)}
    </ul>
    <p class="row"><button type="button" class="small" onClick=${() => write(textOf([...rows, { field: "plan", name: "", comparison: "=", value: "" }]))}>Add a condition</button>
      <span class="muted">Of several values of one field any, of several fields all.</span></p>
  </details>`;
}

function Row({ of: { field, name, comparison, value }, put, choose }) {
  return html`<label class="field"><span>Field</span><select onChange=${(event) => choose(event.target.value)}>${FIELDS.map(([key, said]) => html`<option key=${key} value=${key} selected=${key === field}>${said}</option>`)}</select></label>
    ${field === "attributes." && html`<label class="field"><span>Name</span><input value=${name} onInput=${(event) => put({ name: event.target.value.replace(/[;=]/g, "") })} autocomplete="off" spellcheck=${false} /></label>`}
    <label class="field"><span>Comparison</span><select onChange=${(event) => put({ comparison: event.target.value })}>${comparisonsOf(field).map(([sign, said]) => html`<option key=${sign} value=${sign} selected=${sign === comparison}>${said}</option>`)}</select></label>
    <label class="field"><span>Value</span><input value=${value} onInput=${(event) => put({ value: event.target.value.replaceAll(";", "") })} placeholder=${field === "seen" ? "30d" : ""} autocomplete="off" spellcheck=${false} /></label>`;
}
