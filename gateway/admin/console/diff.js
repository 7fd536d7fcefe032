// What differs between texts, line by line. No input, no output.

const CONTEXT = 3;
const MOST_CELLS = 4_000_000;

// The lines of both texts in order: { mark: " " | "-" | "+", text } each, as few of them marked as possible.
export function linesOf(before, after) {
  const [old, now] = [before, after].map((text) => text.split("\n"));
  let head = 0;
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const same = (lines) => lines.map((text) => ({ mark: " ", text }));
  const middle = changed(old.slice(head, old.length - tail), now.slice(head, now.length - tail));
  return [...same(old.slice(0, head)), ...middle, ...same(tail ? old.slice(-tail) : [])];
}

// By the longest common subsequence; where that would be too much work, all of one and then all of the other.
function changed(old, now) {
  const marked = (mark, lines) => lines.map((text) => ({ mark, text }));
  if (old.length * now.length > MOST_CELLS) return [...marked("-", old), ...marked("+", now)];
  const width = now.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  for (let row = old.length - 1; row >= 0; row--) {
    for (let column = now.length - 1; column >= 0; column--) {
      const next = (row + 1) * width + column;
      common[row * width + column] = old[row] === now[column] ? common[next + 1] + 1 : Math.max(common[next], common[row * width + column + 1]);
    }
  }
  const lines = [];
  let [row, column] = [0, 0];
  while (row < old.length && column < now.length) {
    if (old[row] === now[column]) {
      lines.push({ mark: " ", text: old[row++] });
      column++;
    } else if (common[(row + 1) * width + column] >= common[row * width + column + 1]) lines.push({ mark: "-", text: old[row++] });
    else lines.push({ mark: "+", text: now[column++] });
  }
  return [...lines, ...marked("-", old.slice(row)), ...marked("+", now.slice(column))];
}

// The text with what two people made of it, `mine` and `theirs`; null where both changed the same place.
export function merged(before, mine, theirs) {
  const own = hunks(before, mine);
  const others = hunks(before, theirs).filter((hunk) => !own.some((one) => isSame(one, hunk)));
  const touch = (one, other) => one.start <= other.end && other.start <= one.end;
  if (own.some((hunk) => others.some((other) => touch(hunk, other)))) return null;
  const lines = before.split("\n");
  const last = [...own, ...others].sort((one, other) => other.start - one.start);
  for (const { start, end, put } of last) lines.splice(start, end - start, ...put);
  return lines.join("\n");
}

const isSame = (one, other) => one.start === other.start && one.end === other.end && one.put.join("\n") === other.put.join("\n");

// The stretches of a text's lines that another replaces: from `start` up to `end`, by the lines `put`.
function hunks(before, after) {
  const found = [];
  let place = 0;
  let open = null;
  for (const { mark, text } of linesOf(before, after)) {
    if (mark === " ") {
      open = null;
      place++;
      continue;
    }
    if (!open) found.push((open = { start: place, end: place, put: [] }));
    if (mark === "-") open.end = ++place;
    else open.put.push(text);
  }
  return found;
}

// The files that differ, by name: { name, lines } with a few lines around each change; "…" stands for those left out.
export function filesOf(before, after) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => ({ name, lines: shortened(linesOf(before[name] ?? "", after[name] ?? "")) }));
}

function shortened(lines) {
  const near = new Set();
  lines.forEach(({ mark }, place) => {
    if (mark !== " ") for (let one = place - CONTEXT; one <= place + CONTEXT; one++) near.add(one);
  });
  const shown = [];
  lines.forEach((line, place) => {
    if (near.has(place)) shown.push(line);
    else if (shown.at(-1)?.mark !== "…") shown.push({ mark: "…", text: "" });
  });
  return shown;
}
