// What is not the same in two states of a thing, line by line. No input, no output.

// { name, was, now } of each part that differs, as texts; empty where it is not there on that side.
export function differences(before, after) {
  return found("", before, after).filter(({ was, now }) => was !== now);
}

function found(name, before, after) {
  const [was, now] = [parts(before), parts(after)];
  if (!name || (was && now)) {
    return [...new Set([...Object.keys(was), ...Object.keys(now)])].flatMap((key) => found(name ? `${name} ${key}` : key, was[key], now[key]));
  }
  return [{ name, was: said(before), now: said(after) }];
}

// What a value consists of, by name: rows by what names them, which is not said twice. Null for what has no parts.
function parts(value) {
  if (Array.isArray(value)) return Object.fromEntries(value.map((row) => [nameOf(row), row?.id ? { ...row, id: undefined } : row]));
  return value !== null && typeof value === "object" ? value : null;
}

const nameOf = (row) => row?.id ?? row?.node ?? row?.name ?? JSON.stringify(row);

function said(value) {
  if (value === undefined || value === null) return "";
  if (typeof value !== "object") return String(value);
  const filled = Object.entries(value).map(([name, one]) => [name, said(one)]).filter(([, text]) => text);
  return filled.map(([name, text]) => (Array.isArray(value) ? text : `${name} ${text}`)).join(", ");
}
