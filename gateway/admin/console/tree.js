// Leaves of a device as the rows of a tree. No input, no output.

const OTHERS = "also on the phone";

// One entry for each leaf, by path: what is wanted, why, and what is known of it on the phone.
export function leavesOf(explained, device) {
  const known = new Map(device.leaves.map((leaf) => [leaf.node, leaf]));
  const leaves = explained.map((leaf) => ({ path: leaf.node, wanted: leaf.value, why: leaf, known: known.get(leaf.node) }));
  for (const leaf of device.leaves) {
    if (!explained.some((one) => one.node === leaf.node)) leaves.push({ path: leaf.node, wanted: leaf.wanted, known: leaf });
  }
  const others = device.others.map((leaf) => ({ path: `${OTHERS}/${leaf.uri.replace(/^\.\//, "")}`, wanted: null, known: leaf, raw: true }));
  return [...leaves, ...others];
}

// The rows that are visible: { path, name, level, leaf?, open, uri? }. With a filter, all that it matches and what leads there.
export function rowsOf(leaves, open, filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = leaves.filter(({ path, wanted, known }) => {
    const text = `${path} ${wanted ?? ""} ${known?.held ?? ""} ${known?.standing ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const root = branch("");
  for (const leaf of matching) place(root, leaf);
  const rows = [];
  walk(root, 0, (path) => words.length > 0 || open.has(path), rows);
  return rows;
}

const branch = (path) => ({ path, children: new Map(), leaf: null });

function place(root, leaf) {
  let node = root;
  for (const name of leaf.path.split("/")) {
    if (!node.children.has(name)) node.children.set(name, branch(node.path ? `${node.path}/${name}` : name));
    node = node.children.get(name);
  }
  node.leaf = leaf;
}

function walk(node, level, isOpen, rows) {
  for (const [name, child] of node.children) {
    const inner = child.children.size > 0;
    rows.push({ path: child.path, name, level: level + 1, leaf: child.leaf, inner, open: inner && isOpen(child.path), count: inner ? countLeaves(child) : 0 });
    if (inner && isOpen(child.path)) walk(child, level + 1, isOpen, rows);
  }
}

const countLeaves = (node) => [...node.children.values()].reduce((sum, child) => sum + (child.children.size ? countLeaves(child) : 1), 0);

// The definition of the node at a path below its MO; segments that the MO leaves open match any name.
export function definitionOf(object, path) {
  const names = path.split("/");
  return object.nodes.find(({ path: pattern }) => {
    const wanted = pattern.split("/");
    return pattern && wanted.length === names.length && wanted.every((name, place) => name === names[place] || name === "<X>");
  });
}

// What the value of a node can be, in words.
export function permittedOf({ formats, values, low, high }) {
  if (values.length) return values.map(({ value, meaning }) => (meaning ? `${value} (${meaning})` : value)).join(", ");
  if (low !== null || high !== null) return `${low ?? "…"} to ${high ?? "…"}`;
  return formats.join(" or ");
}
