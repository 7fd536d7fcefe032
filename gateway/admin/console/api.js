// The console's way to the admin API. Nothing else in the console talks to the network.

const BASE = new URL("../api/v1", document.baseURI).pathname;

// A token is in memory alone: it is gone with the page. A person's session is in a cookie that no script can read.
let token = "";
let session = null;
let reason = "";
let signedOut = () => {};

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// What the API answered, as plain values; null for an empty answer. Throws Refused with the gateway's reason.
export async function call(method, path, { query, body } = {}) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  const search = given.length ? `?${new URLSearchParams(given)}` : "";
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  else if (session && method !== "GET") headers["X-CSRF-Token"] = session.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  // A header is octets: these are the text's in UTF-8.
  if (reason && method !== "GET") headers["X-Reason"] = String.fromCharCode(...new TextEncoder().encode(reason));
  let response;
  try {
    response = await fetch(`${BASE}${path}${search}`, { method, headers, body: JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Refused(0, "The gateway does not answer. It may be restarting; this page tries again when you do.");
  }
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (response.ok) return answer;
  if (response.status === 401 && session) forget();
  if (answer?.detail?.includes("X-Reason")) throw new Refused(response.status, "Every change needs a reason here: write one at the top of the page.");
  throw new Refused(response.status, answer?.detail ?? `HTTP ${response.status}`);
}

// Why the next changes are made: it goes with each of them into the audit log.
export function giveReason(text) {
  reason = text.trim();
}

// Saves a whole list as a file: all pages of it, as CSV.
export async function download(path, query, name) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== ""));
  const headers = { Accept: "text/csv", ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(`${BASE}${path}?${search}`, { headers, cache: "no-store" });
  if (!response.ok) throw new Refused(response.status, (await response.json()).detail);
  save(await response.blob(), name);
}

export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

const RETRY_MS = 3000;

// Gives `take` what is new of a list as it happens, until the signal. `cursor.last` is where it goes on, also after a break.
export async function follow(path, query, cursor, take, signal) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  while (!signal.aborted) {
    const headers = { Accept: "text/event-stream" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (cursor.last) headers["Last-Event-ID"] = cursor.last;
    try {
      const response = await fetch(`${BASE}${path}?${search}`, { headers, signal, cache: "no-store" });
      if (response.status >= 400 && response.status < 500) throw new Refused(response.status, (await response.json()).detail);
      if (response.ok) await readEvents(response.body, cursor, take);
    } catch (problem) {
      if (problem instanceof Refused) throw problem;
    }
    if (!signal.aborted) await new Promise((later) => setTimeout(later, RETRY_MS));
  }
}

async function readEvents(body, cursor, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    const events = (text + value).split("\n\n");
    text = events.pop();
    const rows = [];
    for (const line of events.flatMap((event) => event.split("\n"))) {
      if (line.startsWith("id: ")) cursor.last = line.slice(4);
      if (line.startsWith("data: ")) rows.push(JSON.parse(line.slice(6)));
    }
    if (rows.length) take(rows);
  }
}

export const get = (path, query) => call("GET", path, { query });

// The gateway's metrics in the Prometheus text format.
export async function metrics() {
  const response = await fetch(new URL("../metrics", document.baseURI), { cache: "no-store" });
  if (!response.ok) throw new Refused(response.status, "The gateway's metrics cannot be read.");
  return response.text();
}

// One name as a segment of a path.
export const segment = encodeURIComponent;

// Whether whoever is signed in has the permission, as "pushes:write".
export const may = (permission) => session?.permissions.includes(permission) ?? false;

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

function forget() {
  token = "";
  session = null;
  signedOut();
}

export function onSignedOut(listener) {
  signedOut = listener;
}
