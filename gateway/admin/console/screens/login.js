import { signIn } from "../api.js";
import { html, useRef } from "../dom.js";
import { Heading, Problem, useAction } from "../parts.js";

export function Login({ onSignedIn }) {
  const token = useRef();
  const [enter, { busy, problem }] = useAction(async () => {
    await signIn(token.current.value.trim());
    onSignedIn();
  });
  const submit = (event) => {
    event.preventDefault();
    enter();
  };
  const refused = problem?.status === 401 ? { message: "That is not the token of this gateway." } : problem;
  return html`<main class="login">
    <form onSubmit=${submit}>
      <img src="icon.svg" alt="" width="48" height="48" />
      <${Heading} title="Sign in">Sign in to MOGate<//>
      <label for="token">Admin token</label>
      <input id="token" ref=${token} type="password" autocomplete="current-password" required autofocus spellcheck=${false} />
      <button type="submit" class="main" disabled=${busy}>Sign in</button>
      <${Problem} of=${refused} />
      <p class="muted">The token is in <code>admin.token</code> of the gateway's data directory. It stays in this page's memory alone.</p>
    </form>
  </main>`;
}
