// Views of a screen that somebody keeps by name, in this browser: their addresses.
import { html, useState } from "./dom.js";

const KEPT = "views";

const kept = () => JSON.parse(localStorage.getItem(KEPT) ?? "{}");

export function SavedViews({ screen }) {
  const [, draw] = useState(0);
  const own = kept()[screen] ?? {};
  const keep = (views) => {
    localStorage.setItem(KEPT, JSON.stringify({ ...kept(), [screen]: views }));
    draw((times) => times + 1);
  };
  const save = (event) => {
    event.preventDefault();
    keep({ ...own, [new FormData(event.target).get("name").trim()]: location.hash });
    event.target.reset();
  };
  const forget = (name) => keep(Object.fromEntries(Object.entries(own).filter(([one]) => one !== name)));
  return html`<details class="views"><summary>Saved views (${Object.keys(own).length})</summary>
    ${Object.keys(own).length > 0 && html`<ul class="plain">${Object.entries(own).map(([name, address]) => html`<li key=${name}>
      <a href=${address}>${name}</a> <button type="button" class="quiet small" aria-label=${`Forget ${name}`} onClick=${() => forget(name)}>Forget</button>
    </li>`)}</ul>`}
    <form class="row fields" onSubmit=${save}>
      <label class="field"><span>Name of this view</span><input name="name" required maxlength="60" autocomplete="off" /></label>
      <button type="submit">Save</button>
    </form>
  </details>`;
}
