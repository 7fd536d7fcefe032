// Edits of the profiles' files that are not served yet, in this page's memory, and the files that they were made from.
import { get } from "./api.js";
import { useEffect, useState } from "./dom.js";
import { merged } from "./diff.js";

const none = () => ({ base: null, edits: new Map(), version: 0 });

let state = none();
const listeners = new Set();

function put(changes) {
  state = { ...state, ...changes, version: state.version + 1 };
  listeners.forEach((listener) => listener(state.version));
}

// Whoever closes the page is asked whether that is meant.
addEventListener("beforeunload", (event) => state.edits.size && event.preventDefault());

// The text of a file among these, or null.
const textIn = (files, name) => files?.profiles[name] ?? null;

// `base` is { edition, profiles } as they were read, null before; `edits` has the new text by file, null for one to delete.
export function useDrafts() {
  const [, draw] = useState(0);
  useEffect(() => {
    listeners.add(draw);
    return () => listeners.delete(draw);
  }, []);
  return state;
}

// Reads the files, unless there are edits of those that were read before.
export async function begin() {
  if (!state.edits.size) put({ base: await get("/profiles/files") });
  return true;
}

// The text of a file as it is edited; null when there is none.
export const textOf = (name) => (state.edits.has(name) ? state.edits.get(name) : textIn(state.base, name));

// Another text for a file, null to delete it; the one that it has takes the edit back.
export function edit(name, text) {
  const edits = new Map(state.edits);
  if (text === textIn(state.base, name)) edits.delete(name);
  else edits.set(name, text);
  put({ edits });
}

export const discard = () => put({ edits: new Map() });

// All files as the edits have them, with the edition that they were made from: as the API takes them.
export function proposed() {
  const profiles = { ...state.base.profiles, ...Object.fromEntries(state.edits) };
  return { base: state.base.edition, profiles: Object.fromEntries(Object.entries(profiles).filter(([, text]) => text !== null)) };
}

// The files that were edited here and, in `theirs`, by somebody else, where the two cannot be put together.
export const collisions = (theirs) => [...state.edits.keys()].filter((name) => together(name, theirs) === undefined);

// Goes on from the files as somebody else has made them; `mine` names those files whose collisions the edits win.
export function rebase(theirs, mine) {
  const edits = new Map();
  for (const [name, own] of state.edits) {
    const both = together(name, theirs);
    const text = both === undefined ? (mine.has(name) ? own : textIn(theirs, name)) : both;
    if (text !== textIn(theirs, name)) edits.set(name, text);
  }
  put({ base: theirs, edits });
}

// The text of an edited file with what somebody else made of it; undefined where both changed the same place.
function together(name, theirs) {
  const [was, own, other] = [textIn(state.base, name), state.edits.get(name), textIn(theirs, name)];
  if (other === was || other === own) return own;
  if (was === null || own === null || other === null) return undefined;
  return merged(was, own, other) ?? undefined;
}
