// The WLANs that a phone knows: one that it is told to join, with its key, and those that it is told to forget.
import { html } from "../dom.js";
import { Badge, Choice, Grave, Table, When } from "../parts.js";

const SECURITIES = ["WPA2", "WPA", "WPA-PSK", "WEP", "OPEN"].map((one) => [one, one]);

// Those that the phone told of when it was last asked.
export function Networks({ of: { read }, act, off }) {
  const names = Object.entries(read).filter(([uri, name]) => uri.endsWith("/SSID") && name);
  return html`<${Table} label="WLANs" head=${["Name", ""]} empty="It knows none.">
    ${names.map(([uri, name]) => html`<tr key=${uri}><th scope="row">${name}</th>
      <td><${Grave} name="Forget" of=${name} disabled=${off} act=${() => act({ action: "remove", subject: name })} /></td></tr>`)}
  <//>`;
}

// The key goes to the gateway alone, which keeps it sealed until the phone has it; the form forgets it at once.
export function Join({ jobs, act, off }) {
  const last = jobs.findLast((job) => job.action !== "list" && job.state !== "running");
  const submit = (event) => {
    event.preventDefault();
    const { subject, security, secret, hidden } = Object.fromEntries(new FormData(event.target));
    event.target.reset();
    const items = [`security=${security}`, ...(hidden ? ["hidden=true"] : [])];
    act({ action: "add", subject: subject.trim(), items, secret: security === "OPEN" ? "" : secret });
  };
  return html`<form class="stack" aria-label="Join a WLAN" onSubmit=${submit}>
      <div class="row fields">
        <label class="field"><span>Name (SSID)</span><input name="subject" required maxlength="32" placeholder="Example Office" autocomplete="off" /></label>
        <${Choice} name="security" label="Secured by" value="WPA2" of=${SECURITIES} />
      </div>
      <label class="field"><span>Key</span><input name="secret" type="password" maxlength="256" autocomplete="new-password" /></label>
      <label><input type="checkbox" name="hidden" /> It does not tell its name</label>
      <p class="row"><button type="submit" disabled=${off}>Have the phone join it</button></p>
    </form>
    ${last && html`<p>${last.action} ${last.subject}: <${Badge}>${last.state}<//> ${last.code} ${last.meaning} <${When} at=${last.ended_at} /></p>`}`;
}
