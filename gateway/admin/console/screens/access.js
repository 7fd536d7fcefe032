// Who may use the gateway: people with a role, and tokens for programs.
import { call, get, may, segment } from "../api.js";
import { html } from "../dom.js";
import { Badge, Copy, Heading, Loaded, Panel, Problem, Table, useAction, useLoad, When } from "../parts.js";

const ROLES = ["viewer", "helpdesk", "provisioning", "noc", "admin"];

const Roles = () => html`<label class="field"><span>Role</span><select name="role">${ROLES.map((role) => html`<option key=${role} value=${role}>${role}</option>`)}</select></label>`;

export function Access() {
  return html`<${Heading} title="Access" /><div class="stack">${may("users:read") && html`<${Users} />`}${may("tokens:read") && html`<${Tokens} />`}</div>`;
}

function Users() {
  const loaded = useLoad(() => get("/users"), []);
  const [create, creating] = useAction(async (form) => {
    const { name, role, password, tenant } = Object.fromEntries(new FormData(form));
    await call("POST", "/users", { body: { name, role, password, tenant } });
    form.reset();
    await loaded.reload();
  });
  const [change, changing] = useAction(async (user, body) => {
    await call("PATCH", `/users/${segment(user.name)}`, { body });
    await loaded.reload();
  });
  return html`<${Panel} title="People">
    <form class="row fields" onSubmit=${(event) => { event.preventDefault(); create(event.target); }}>
      <label class="field"><span>Name</span><input name="name" required autocomplete="off" spellcheck=${false} /></label>
      <${Roles} />
      <label class="field"><span>Password (12 characters or more)</span><input name="password" type="password" minlength="12" required autocomplete="new-password" /></label>
      <label class="field"><span>Tenant alone</span><input name="tenant" placeholder="all" autocomplete="off" /></label>
      <button type="submit" class="main" disabled=${creating.busy || !may("users:write")}>Add</button>
    </form>
    <${Problem} of=${creating.problem ?? changing.problem} />
    <${Loaded} from=${loaded}>${(users) => html`
      <${Table} label="People" head=${["Name", "Role", "Tenant", "Last signed in", ""]} empty="Nobody has a name and a password yet. Add people above, each with the role that fits their work.">
        ${users.map((user) => html`<tr key=${user.name}>
          <th scope="row">${user.name} ${user.disabled && html`<${Badge} tone="bad">disabled<//>`}</th>
          <td><select aria-label=${`Role of ${user.name}`} value=${user.role} disabled=${!may("users:write")} onChange=${(event) => change(user, { role: event.target.value })}>${ROLES.map((role) => html`<option key=${role} value=${role}>${role}</option>`)}</select></td>
          <td>${user.tenant || "all"}</td>
          <td><${When} at=${user.last_login_at} /></td>
          <td><button type="button" class="quiet small" disabled=${!may("users:write")} onClick=${() => change(user, { disabled: !user.disabled })}>${user.disabled ? "Let in again" : "Shut out"}</button></td>
        </tr>`)}
      <//>`}<//>
  <//>`;
}

function Tokens() {
  const loaded = useLoad(() => get("/tokens"), []);
  const [create, creating] = useAction(async (form) => {
    const { name, role, permissions, tenant, days } = Object.fromEntries(new FormData(form));
    const listed = permissions.split(/[\s,]+/).filter(Boolean);
    const issued = await call("POST", "/tokens", { body: { name, tenant, days: Number(days), ...(listed.length ? { permissions: listed } : { role }) } });
    form.reset();
    await loaded.reload();
    return issued;
  });
  const [revoke, revoking] = useAction(async (token) => {
    await call("DELETE", `/tokens/${segment(token.id)}`);
    await loaded.reload();
  });
  return html`<${Panel} title="Tokens of programs">
    <form class="row fields" onSubmit=${(event) => { event.preventDefault(); create(event.target); }}>
      <label class="field"><span>For</span><input name="name" required autocomplete="off" /></label>
      <${Roles} />
      <label class="field wide"><span>Or these permissions alone</span><input name="permissions" placeholder="devices:read, pushes:write" autocomplete="off" spellcheck=${false} /></label>
      <label class="field"><span>Tenant alone</span><input name="tenant" placeholder="all" autocomplete="off" /></label>
      <label class="field"><span>Days (0: without end)</span><input name="days" type="number" min="0" max="3650" value="90" required /></label>
      <button type="submit" class="main" disabled=${creating.busy || !may("tokens:write")}>Make</button>
    </form>
    <${Problem} of=${creating.problem ?? revoking.problem} />
    ${creating.done && html`<p class="notice good" role="status">This is shown once: <code>${creating.done.token}</code> <${Copy} text=${creating.done.token} of="the token" /></p>`}
    <${Loaded} from=${loaded}>${(tokens) => html`
      <${Table} label="Tokens" head=${["For", "May", "Tenant", "Ends", "Last used", ""]} empty="No program has a token yet. Make one above; it is shown once.">
        ${tokens.map((token) => html`<tr key=${token.id}>
          <th scope="row">${token.name} <span class="muted">${token.id}</span></th>
          <td class="value">${token.permissions.join(", ")}</td>
          <td>${token.tenant || "all"}</td>
          <td><${When} at=${token.expires_at} exact /></td>
          <td><${When} at=${token.last_used_at} /></td>
          <td><button type="button" class="quiet small" disabled=${!may("tokens:write")} onClick=${() => revoke(token)} aria-label=${`Revoke ${token.name}`}>Revoke</button></td>
        </tr>`)}
      <//>`}<//>
  <//>`;
}
