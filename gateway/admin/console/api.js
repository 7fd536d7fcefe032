// The console's way to the admin API. Nothing else in the console talks to the network.

const BASE = new URL("../api/v1", document.baseURI).pathname;

// A token is in memory alone: it is gone with the page. A person's session is in a cookie that no script can read.
let token = "";
let session = null;
let reason = "";
let signedOut = () => {};
let ended = false;

// `place` is where in what was sent something is wrong, as far as that is known: { file, line }.
export class Refused extends Error {
  constructor(status, message, place = {}) {
    super(message);
    this.status = status;
    this.place = place;
  }
}

// Asks the API and gives its answer; throws Refused with the gateway's reason where it has none.
async function ask(path, query, { headers = {}, ...options } = {}) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  const search = given.length ? `?${new URLSearchParams(given)}` : "";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(`${BASE}${path}${search}`, { headers, cache: "no-store", ...options });
  } catch (problem) {
    if (options.signal?.aborted) throw problem;
    throw new Refused(0, "The gateway does not answer. It may be restarting: what is shown may be old.");
  }
  if (response.ok) return response;
  if (response.status === 401 && session) forget(true);
  const { detail, file, line } = (await response.json().catch(() => null)) ?? {};
  throw new Refused(response.status, said(response.status, detail), { file, line });
}

// Why something was refused, in words that say what to do about it.
function said(status, detail) {
  if (detail?.includes("X-Reason")) return "Every change needs a reason here: write one at the top of the page.";
  if (status === 403) return `You may not do this: ${detail}. An administrator gives people their roles.`;
  if (status === 412) return "Somebody else changed this just now. Look at it again, and do it once more if you still want to.";
  if (status >= 500) return `The gateway failed (HTTP ${status})${detail ? `: ${detail}` : ""}. Try again in a moment.`;
  return detail ?? `The gateway answered HTTP ${status} without a reason.`;
}

// What the API answered, as plain values; null for an empty answer. With `tag`, only if what is changed has that ETag still.
// `why` is the reason, where it is asked for beside what is changed and not at the top.
// A body is sent as JSON; a file, and lines as a blob, as they are.
export async function call(method, path, { query, body, tag, why = reason } = {}) {
  const headers = {};
  const whole = body instanceof Blob;
  if (!token && session && method !== "GET") headers["X-CSRF-Token"] = session.csrf;
  if (body !== undefined) headers["Content-Type"] = whole ? "application/octet-stream" : "application/json";
  if (tag) headers["If-Match"] = tag;
  // A header is octets: these are the text's in UTF-8.
  if (why && method !== "GET") headers["X-Reason"] = String.fromCharCode(...new TextEncoder().encode(why));
  const response = await ask(path, query, { method, headers, body: whole ? body : JSON.stringify(body) });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

// Why the next changes are made: it goes with each of them into the audit log.
export function giveReason(text) {
  reason = text.trim();
}

// What lists can be saved as: the media type, and what a file of it ends with.
export const FORMS = { csv: "text/csv", jsonl: "application/jsonl" };

// Saves a whole list as a file: all pages of it, in the form that its name ends with, or as text where the list can be read so.
export async function download(path, query, name) {
  const ending = name.split(".").at(-1);
  const form = ending === "txt" ? "text/plain" : FORMS[ending];
  const response = await ask(path, query, { headers: { Accept: form } });
  save(await response.blob(), name);
}

export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

const RETRY_MS = 3000;
const SILENT_MS = 20_000;
const POLLED_MS = 60_000;

const pause = () => new Promise((later) => setTimeout(later, RETRY_MS));

// Gives `take` what is new of a list as it happens, until the signal. `cursor.last` is where it goes on, also after a break;
// `stands` is told whether the stream does, and why not.
export async function follow(path, query, cursor, take, signal, stands = () => {}) {
  while (!signal.aborted) {
    let why;
    try {
      await stream(path, query, cursor, take, signal, () => stands(true));
    } catch (problem) {
      if (problem.status >= 400 && problem.status < 500) throw problem;
      if (problem instanceof Refused) why = problem;
    }
    if (signal.aborted) return;
    stands(false, why);
    await pause();
  }
}

// Gives `take` what is at a path, and all of it again whenever it changed, until the signal; `fail` is told why that does not
// come. Where a stream does not come through, as with a proxy that holds it back, it is asked for again and again.
export async function watch(path, query, take, fail, signal) {
  let streamsFrom = 0;
  while (!signal.aborted) {
    try {
      if (Date.now() < streamsFrom) take(await get(path, query));
      else await stream(path, query, {}, (rows) => take(rows.at(-1)), signal);
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof Refused)) {
        streamsFrom = Date.now() + POLLED_MS;
        continue;
      }
      fail(problem);
      if (problem.status >= 400 && problem.status < 500) return;
    }
    await pause();
  }
}

// Reads a stream of events to its end. Throws when it falls silent: what lives sends a comment each second.
async function stream(path, query, cursor, take, signal, begun = () => {}) {
  const silence = new AbortController();
  const headers = { Accept: "text/event-stream", ...(cursor.last && { "Last-Event-ID": cursor.last }) };
  let timer = setTimeout(() => silence.abort(), SILENT_MS);
  try {
    const response = await ask(path, query, { headers, signal: AbortSignal.any([signal, silence.signal]) });
    begun();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENT_MS);
      const events = (text + value).split("\n\n");
      text = events.pop();
      const rows = [];
      for (const line of events.flatMap((event) => event.split("\n"))) {
        if (line.startsWith("id: ")) cursor.last = line.slice(4);
        if (line.startsWith("data: ")) rows.push(JSON.parse(line.slice(6)));
      }
      if (rows.length) take(rows);
    }
  } finally {
    clearTimeout(timer);
  }
}

export const get = (path, query) => call("GET", path, { query });

// What is at a path with its ETag, for a change to be refused when it is another by then: { data, tag }.
export async function read(path) {
  const response = await ask(path);
  return { data: await response.json(), tag: response.headers.get("ETag") };
}

// One name as a segment of a path.
export const segment = encodeURIComponent;

// Whether whoever is signed in has the permission, as "pushes:write".
export const may = (permission) => session?.permissions.includes(permission) ?? false;

// Who is signed in, as the audit log has it.
export const me = () => session?.name ?? "";

// Whether the last session ended by itself.
export const hasEnded = () => ended;

// Who is signed in already, by the cookie of an earlier visit; null when nobody is.
export async function resume() {
  try {
    session = await get("/session");
  } catch (problem) {
    if (problem.status !== 401) throw problem;
  }
  return session;
}

export async function signInWithToken(given) {
  token = given;
  try {
    session = await get("/session");
  } catch (problem) {
    token = "";
    throw problem;
  }
  return session;
}

export async function signIn(name, password) {
  session = await call("POST", "/session", { body: { name, password } });
  return session;
}

// How people can sign in: with passwords, and at the OpenID provider of that name.
export const waysIn = () => get("/session/ways");

// Leaves for the OpenID provider, and comes back to the place in the console that this page is at.
export function leaveToSignIn() {
  const place = new URLSearchParams({ to: location.hash.slice(1) });
  location.assign(new URL(`../openid/leave?${place}`, document.baseURI));
}

// Makes the first administrator, with the token that is good for this once.
export async function setUp(setupToken, name, password) {
  session = await call("POST", "/setup", { body: { token: setupToken, name, password } });
  return session;
}

// Who signed in at the OpenID provider goes there to sign out, too.
export async function signOut() {
  const elsewhere = session.by === "openid";
  if (!token) await call("DELETE", "/session");
  forget();
  if (elsewhere) location.assign(new URL("../openid/log-out", document.baseURI));
}

function forget(byItself = false) {
  ended = byItself;
  token = "";
  session = null;
  signedOut();
}

export function onSignedOut(listener) {
  signedOut = listener;
}
