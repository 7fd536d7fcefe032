// The console's way to the admin API. Nothing else in the console talks to the network.

const BASE = new URL("../api/v1", document.baseURI).pathname;

// In memory alone: it is gone with the page, and no script of another page can find it.
let token = "";
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
  const headers = { Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`${BASE}${path}${search}`, { method, headers, body: JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Refused(0, "The gateway does not answer. It may be restarting; this page tries again when you do.");
  }
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (response.ok) return answer;
  if (response.status === 401 && token) signOut();
  throw new Refused(response.status, answer?.detail ?? `HTTP ${response.status}`);
}

export const get = (path, query) => call("GET", path, { query });

// One name as a segment of a path.
export const segment = encodeURIComponent;

// Throws Refused when the gateway does not know the token.
export async function signIn(given) {
  token = given;
  try {
    await get("/subscribers", { limit: 1 });
  } catch (problem) {
    token = "";
    throw problem;
  }
}

export function signOut() {
  token = "";
  signedOut();
}

export function onSignedOut(listener) {
  signedOut = listener;
}
