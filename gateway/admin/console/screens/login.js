import { hasEnded, leaveToSignIn, resume, setUp, signIn, signInWithToken, waysIn } from "../api.js";
import { html, useEffect, useState } from "../dom.js";
import { Heading, Problem, prose, useAction } from "../parts.js";

// The ways in: what each asks for, and what is done with it.
const WAYS = {
  person: {
    fields: [["Name", "username", "text"], ["Password", "current-password", "password"]],
    enter: signIn,
    button: "Sign in",
    says: "An administrator makes users in the console, or with `mogate user add`.",
  },
  token: {
    fields: [["Token", "off", "password"]],
    enter: signInWithToken,
    button: "Sign in",
    says: "The local administrator's token is in `admin.token` of the data directory. It stays in this page's memory alone.",
  },
  setup: {
    fields: [["Set-up token", "off", "password"], ["Name", "username", "text"], ["New password", "new-password", "password"]],
    enter: setUp,
    button: "Make the first administrator",
    says: "The set-up token is in `setup.token` of the data directory and is good once. The password has twelve characters or more.",
  },
};
const NAMES = { person: "Sign in with a name", token: "Sign in with a token", setup: "Set up for the first time" };

export function Login({ onSignedIn }) {
  const [offered, setOffered] = useState(null);
  const [chosen, setChosen] = useState("person");
  const [begin, begun] = useAction(async () => {
    const session = await resume();
    if (session) onSignedIn(session);
    else setOffered(await waysIn());
  });
  useEffect(() => {
    begin();
  }, []);
  if (!offered) return html`<main class="login"><${Problem} of=${begun.problem} /></main>`;
  return html`<main class="login">
    <div class="box">
      <img src="icon.svg" alt="" width="48" height="48" />
      <${Heading} title="Sign in">Sign in to MOGate<//>
      ${hasEnded() && html`<p class="notice warn" role="status">Your session is over. Sign in again to go on where you were; what you staged is kept.</p>`}
      ${offered.provider && html`<button type="button" class="main" onClick=${leaveToSignIn}>Sign in with ${offered.provider}</button>`}
      ${offered.passwords && html`<${Way} key=${chosen} of=${WAYS[chosen]} beside=${offered.provider} onSignedIn=${onSignedIn} />
        <div class="stack">
          ${Object.keys(WAYS).filter((key) => key !== chosen).map((key) => html`<button type="button" class="quiet small" key=${key} onClick=${() => setChosen(key)}>${NAMES[key]}</button>`)}
        </div>`}
    </div>
  </main>`;
}

function Way({ of: way, beside, onSignedIn }) {
  const [enter, { busy, problem }] = useAction(async (...given) => onSignedIn(await way.enter(...given)));
  const submit = (event) => {
    event.preventDefault();
    const inputs = [...event.target.querySelectorAll("input")];
    enter(...inputs.map(({ value, autocomplete }) => (autocomplete.endsWith("password") ? value : value.trim())));
  };
  return html`<form onSubmit=${submit}>
    ${way.fields.map(([name, complete, type], place) => html`<label class="field" key=${name}><span>${name}</span>
      <input type=${type} autocomplete=${complete} required autofocus=${place === 0} spellcheck=${false} minlength=${complete === "new-password" ? 12 : undefined} />
    </label>`)}
    <button type="submit" class=${beside ? "" : "main"} disabled=${busy}>${way.button}</button>
    <${Problem} of=${problem} />
    <p class="muted">${prose(way.says)}</p>
  </form>`;
}
