// Where the console is: the fragment of the address, "#/subscribers/alice/alice.1?tab=values".
import { useEffect, useState } from "./dom.js";

export function parse(fragment) {
  const [path, search = ""] = fragment.replace(/^#\/?/, "").split("?");
  const segments = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { segments, query: Object.fromEntries(new URLSearchParams(search)) };
}

// The address of a screen: to(["subscribers", id], { tab: "values" }). Empty parameters are left out.
export function to(segments, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const search = given.length ? `?${new URLSearchParams(given)}` : "";
  return `#/${segments.map(encodeURIComponent).join("/")}${search}`;
}

export function go(segments, query) {
  location.hash = to(segments, query);
}

// Changes parameters of the present address in place, so that a link to it gives the same screen.
export function refine(changes) {
  const { segments, query } = parse(location.hash);
  history.replaceState(null, "", to(segments, { ...query, ...changes }));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

// The present route; the component is rendered anew when it changes.
export function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const follow = () => setRoute(parse(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}
