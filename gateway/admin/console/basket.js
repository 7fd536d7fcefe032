// Edits that wait to be applied, of one device and its subscriber: shared by the views of the device.
import { useEffect, useState } from "./dom.js";

const baskets = new Map();
const listeners = new Set();

const tell = () => listeners.forEach((listener) => listener((times) => times + 1));

// The edits staged for a device, in order: { scope: "subscriber" | "device", node, value, before, own }; value null takes
// back, and `own` is what was set at that scope when it was staged.
export function useBasket(deviceId) {
  const [, draw] = useState(0);
  useEffect(() => {
    listeners.add(draw);
    return () => listeners.delete(draw);
  }, []);
  const staged = () => baskets.get(deviceId) ?? [];
  const put = (next) => {
    baskets.set(deviceId, next);
    tell();
  };
  const others = (edit) => staged().filter((one) => one.scope !== edit.scope || one.node !== edit.node);
  return {
    edits: staged(),
    stage: (edit) => put([...others(edit), edit]),
    remove: (edit) => put(others(edit)),
    clear: () => put([]),
  };
}

// The edits of one scope as the API takes them.
export function valuesOf(edits, scope) {
  const own = edits.filter((edit) => edit.scope === scope);
  return {
    set: Object.fromEntries(own.filter(({ value }) => value !== null).map(({ node, value }) => [node, value])),
    unset: own.filter(({ value }) => value === null).map(({ node }) => node),
  };
}
