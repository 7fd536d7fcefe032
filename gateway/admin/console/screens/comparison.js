// Two sessions of a trace beside each other: of this phone, or of this one and another.
import { get, segment } from "../api.js";
import { html, useState } from "../dom.js";
import { Choice, Command, Loaded, timeOf, useLoad } from "../parts.js";
import { go, to } from "../route.js";
import { protocolName } from "../sessions.js";

const BACK = [["", "the newest"], ["~1", "the last but one"], ...[2, 3, 4, 5].map((number) => [`~${number}`, `${number} before the newest`])];
const KINDS = { received: "phone → gateway", decided: "the gateway decided", sent: "gateway → phone" };
// How either side of a line is coloured: what is on one side alone, and what is on both but not the same.
const TONES = { same: ["", ""], differs: ["bad", "good"], left: ["bad", ""], right: ["", "good"] };

export function Comparison({ subscriber, device, query }) {
  const { compare: session, with: other = device.id, with_session: otherSession = "" } = query;
  const [onlyDifferent, setOnlyDifferent] = useState(true);
  const asked = { session, with: other, with_session: otherSession };
  const loaded = useLoad(() => get(`/devices/${segment(device.id)}/trace/comparison`, asked), [JSON.stringify(asked)]);
  const place = ["subscribers", subscriber.id, device.id];
  const compare = (event) => {
    event.preventDefault();
    go(place, { tab: "sessions", compare: session, ...Object.fromEntries(new FormData(event.target)) });
  };
  const sessions = otherSession && !otherSession.startsWith("~") ? [[otherSession, `exchange ${otherSession}`], ...BACK] : BACK;
  return html`<form class="row fields" key=${JSON.stringify(asked)} aria-label="Compare" onSubmit=${compare}>
      <label class="field wide"><span>With the device (id or IMEI)</span><input name="with" value=${other} required autocomplete="off" spellcheck=${false} /></label>
      <${Choice} name="with_session" label="Its session" value=${otherSession} of=${sessions} />
      <button type="submit" class="main">Compare</button>
      <label class="check"><input type="checkbox" checked=${onlyDifferent} onChange=${(event) => setOnlyDifferent(event.target.checked)} /> Only what differs</label>
      <a href=${to(place, { tab: "sessions", session })}>Back to the sessions</a>
    </form>
    <${Loaded} from=${loaded}>${(found) => html`<${Beside} of=${found} onlyDifferent=${onlyDifferent} />
      <${Command} line=${`mogate trace ${device.id} --compare ${other}${otherSession.startsWith("~") ? otherSession : ""}`} />`}<//>`;
}

function Beside({ of: { left, right, differences, steps }, onlyDifferent }) {
  const shown = steps
    .map((step) => ({ ...step, lines: step.lines.filter(({ mark }) => !onlyDifferent || mark !== "same") }))
    .filter(({ lines }) => lines.length);
  return html`<p role="status">${differences ? `They differ in ${differences} lines.` : "They say the same."}</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Both sessions"><table class="compared">
      <thead><tr>${[left, right].map((one, side) => html`<th scope="col" key=${side}>${one.owner}, ${protocolName(one.protocol)}${one.session && ` session ${one.session}`}, ${timeOf(one.at)}</th>`)}</tr></thead>
      ${shown.map((step, number) => html`<tbody key=${number}>
        <tr><th scope="rowgroup" colspan="2">${KINDS[step.kind]}${onlyOn(step)}</th></tr>
        ${step.lines.map(({ mark, left: ours, right: theirs }, place) => html`<tr key=${place} data-mark=${mark}>
          <td class=${TONES[mark][0]}>${ours}</td><td class=${TONES[mark][1]}>${theirs}</td></tr>`)}
      </tbody>`)}
    </table></div>`;
}

function onlyOn({ left_seq: left, right_seq: right }) {
  if (left === null) return ", only in the second";
  return right === null ? ", only in the first" : "";
}
