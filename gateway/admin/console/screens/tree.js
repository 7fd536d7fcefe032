// The device's tree: what is desired, what was last known, and what it holds right now, side by side.
import { call, get, may, segment } from "../api.js";
import { useBasket } from "../basket.js";
import { html, useEffect, useMemo, useRef, useState } from "../dom.js";
import { Badge, Facts, Filter, Loaded, Panel, Problem, Taken, useAction, useLoad, When } from "../parts.js";
import { definitionOf, leavesOf, permittedOf, rowsOf } from "../tree.js";
import { refine } from "../route.js";
import { Basket } from "./basket.js";
import { NodeSets } from "./node_sets.js";

const LIVE_SECONDS = 2;

export function Tree({ subscriber, device, query: { filter = "" }, reload }) {
  const values = JSON.stringify([subscriber.values, device.values]);
  const loaded = useLoad(() => get(`/subscribers/${segment(subscriber.id)}/explain`, { device: device.id }), [device.id], 0, values);
  const waiting = device.operations.some((one) => one.status === null);
  useEffect(() => {
    const timer = waiting && setInterval(reload, LIVE_SECONDS * 1000);
    return () => clearInterval(timer);
  }, [waiting, device.id]);
  return html`<${Loaded} from=${loaded}>${({ leaves }) => html`<${Explorer} filter=${filter} leaves=${leavesOf(leaves, device)} subscriber=${subscriber} device=${device} reload=${reload} />`}<//>`;
}

function Explorer({ filter, leaves, subscriber, device, reload }) {
  const [open, setOpen] = useState(() => new Set(notable(leaves)));
  const [chosen, setChosen] = useState(null);
  const [current, setCurrent] = useState(null);
  const [applied, setApplied] = useState(null);
  const rows = useMemo(() => rowsOf(leaves, open, filter), [leaves, open, filter]);
  const { edits } = useBasket(device.id);
  const staged = new Set(edits.map((edit) => edit.node));
  const live = liveValues(device);
  const body = useRef();

  const toggle = (path, wanted = !open.has(path)) => {
    const next = new Set(open);
    if (wanted) next.add(path);
    else next.delete(path);
    setOpen(next);
  };
  const focus = (path) => {
    setCurrent(path);
    body.current.querySelector(`[data-path="${CSS.escape(path)}"]`)?.focus();
  };
  const keys = (event, row, place) => {
    const above = () => rows.slice(0, place).findLast((one) => one.level < row.level);
    const moves = {
      ArrowDown: () => rows[place + 1] && focus(rows[place + 1].path),
      ArrowUp: () => rows[place - 1] && focus(rows[place - 1].path),
      Home: () => focus(rows[0].path),
      End: () => focus(rows.at(-1).path),
      ArrowRight: () => (row.inner && !row.open ? toggle(row.path, true) : row.inner && focus(rows[place + 1].path)),
      ArrowLeft: () => (row.open ? toggle(row.path, false) : above() && focus(above().path)),
      Enter: () => (row.leaf ? setChosen(row.path) : toggle(row.path)),
      " ": () => (row.leaf ? setChosen(row.path) : toggle(row.path)),
    };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    moves[event.key]();
  };

  const leaf = leaves.find((one) => one.path === chosen);
  const stop = rows.some((row) => row.path === current) ? current : rows[0]?.path;
  return html`<div class="tools"><${Filter} value=${filter} onInput=${(text) => refine({ filter: text })} label="Filter by node, value or standing" />
      <${GetNow} device=${device} rows=${rows} current=${stop} reload=${reload} /></div>
    ${applied && !edits.length && html`<p class="notice good" role="status">Applied. It goes out when the phone next calls.</p>
      ${applied.map((warning) => html`<p class="notice warn" key=${warning}>${warning}</p>`)}`}
    <${Basket} subscriber=${subscriber} device=${device} reload=${reload} onApplied=${(warnings) => { setChosen(null); setApplied(warnings); }} />
    ${device.omadm && html`<${NodeSets} device=${device} shown=${filter ? rows.filter((row) => row.leaf?.known).map((row) => row.leaf.known.uri) : []} reload=${reload} />`}
    <p class="muted hint">Choose a leaf to see what it may hold and to change it. Arrow keys walk the tree, Enter chooses.</p>
    <div class=${leaf ? "explorer open" : "explorer"}>
      <div class="scroll">
        <table role="treegrid" aria-label="Tree of the device" class="tree">
          <colgroup><col class="c-node" /><col class="c-value" /><col class="c-value" /><col class="c-live" /><col class="c-standing" /></colgroup>
          <thead><tr><th scope="col">Node</th><th scope="col">Desired</th><th scope="col">Last known</th><th scope="col">Live</th><th scope="col">Standing</th></tr></thead>
          <tbody ref=${body}>${rows.map((row, place) => html`<${Row}
            key=${row.path} of=${row} chosen=${row.path === chosen} stop=${row.path === stop} staged=${staged.has(row.path)}
            live=${row.leaf?.known && live.get(row.leaf.known.uri)} onKeyDown=${(event) => keys(event, row, place)}
            onClick=${() => { setCurrent(row.path); return row.leaf ? setChosen(row.path) : toggle(row.path); }}
          />`)}</tbody>
        </table>
        ${!rows.length && html`<p class="muted empty">No node is so.</p>`}
      </div>
      ${leaf && html`<div class="side">
        <${Leaf} key=${leaf.path} of=${leaf} subscriber=${subscriber} device=${device} live=${leaf.known && live.get(leaf.known.uri)} />
      </div>`}
    </div>`;
}

// What leads to the leaves that something is wrong with; the tree begins with these open.
function notable(leaves) {
  const wrong = leaves.filter(({ known }) => known && ["refused", "read back, differs", "sent, not answered"].includes(known.standing));
  return wrong.flatMap(({ path }) => path.split("/").slice(0, -1).map((_, place, names) => names.slice(0, place + 1).join("/")));
}

// The newest answer to a Get for each node of the device, by URI: { value, at, waiting, status, meaning }.
function liveValues(device) {
  const live = new Map();
  for (const operation of device.operations.filter((one) => one.verb === "Get")) {
    const root = operation.uri.split("?")[0];
    if (operation.status === null) {
      live.set(root, { waiting: true });
      for (const leaf of [...device.leaves, ...device.others]) if (leaf.uri.startsWith(`${root}/`)) live.set(leaf.uri, { waiting: true });
    } else if (operation.status >= 300) live.set(root, { status: operation.status, meaning: operation.meaning });
    for (const [uri, value] of Object.entries(operation.results)) live.set(uri, { value, at: operation.sent_at });
  }
  return live;
}

function Row({ of: { path, name, level, leaf, inner, open, count }, chosen, stop, staged, live, onClick, onKeyDown }) {
  const { wanted, known } = leaf ?? {};
  return html`<tr
    data-path=${path} data-level=${Math.min(level, 8)} tabindex=${stop ? 0 : -1} aria-level=${level} aria-expanded=${inner ? open : undefined}
    aria-selected=${chosen} class=${staged ? "staged" : ""} onClick=${onClick} onKeyDown=${onKeyDown}
  >
    <td class="node" role="gridcell"><span class="twig" aria-hidden="true">${inner ? (open ? "▾" : "▸") : ""}</span>${name}${inner && html` <span class="muted">${count}</span>`}</td>
    <td class="value" role="gridcell" title=${wanted}>${wanted ?? ""}</td>
    <td class="value" role="gridcell" title=${known?.held}>${known?.held ?? ""}</td>
    <td class="value" role="gridcell"><${Live} of=${live} /></td>
    <td role="gridcell">${staged ? html`<${Badge} tone="accent">staged<//>` : known && html`<${Badge}>${known.standing}<//>`}</td>
  </tr>`;
}

function Live({ of }) {
  if (!of) return null;
  if (of.waiting) return html`<span class="muted">asked …</span>`;
  if (of.status) return html`<span class="muted">${of.status} ${of.meaning}</span>`;
  return html`${of.value} <span class="muted"><${When} at=${of.at} /></span>`;
}

// Asks the phone itself, for the node that has the keyboard and all below it.
function GetNow({ device, rows, current, reload }) {
  const row = rows.find((one) => one.path === current);
  const known = row && (row.leaf?.known ?? device.leaves.find((leaf) => leaf.node.startsWith(`${row.path}/`)));
  const uri = known && (row.leaf ? known.uri : known.uri.slice(0, known.uri.length - (known.node.length - row.path.length)));
  const [ask, { busy, problem, done }] = useAction(async () => {
    await call("POST", `/devices/${segment(device.id)}/operations`, { body: { verb: "Get", uri: row.leaf ? uri : `${uri}?list=StructData` } });
    await reload();
  });
  if (!device.omadm) return null;
  return html`<button type="button" disabled=${busy || !uri || !may("operations:write")} onClick=${ask}>Get ${row?.name ?? ""} now</button>
    ${done && html`<span class="muted" role="status">Asked; the phone answers in its next session. Summary wakes it.</span>`}
    <${Problem} of=${problem} />`;
}

function Leaf({ of: { path, wanted, why, known, raw }, subscriber, device, live }) {
  const [key, ...rest] = path.split("/");
  const loaded = useLoad(() => (raw ? null : get(`/mos/${segment(key)}`)), [key]);
  return html`<${Panel} title=${rest.at(-1)}>
    <${Facts} of=${[
      ["Node", !raw && html`<code><${Taken} text=${path} of="node" /></code>`],
      ["Address", known && html`<code><${Taken} text=${known.uri} of="LocURI" /></code>`],
      ["Desired", wanted !== null && html`<code>${wanted}</code>`],
      ["Set by", why && `${why.winner.layer} ${why.winner.profile} ${why.winner.place}`],
      ["Last known", known?.held !== undefined && known?.held !== null && html`<code>${known.held}</code>${known.read_at && html`, read back <${When} at=${known.read_at} />`}`],
      ["Sent", known?.sent_at && html`<code>${known.sent}</code> <${When} at=${known.sent_at} />`],
      ["Answer", known?.status && html`${known.status} ${known.meaning} <${When} at=${known.status_at} />`],
      ["Live", live && html`<${Live} of=${live} />`],
    ]} />
    ${!raw && html`<${Loaded} from=${loaded}>${(object) => html`<${Editor} object=${object} node=${path} path=${rest.join("/")} wanted=${wanted} subscriber=${subscriber} device=${device} />`}<//>`}
  <//>`;
}

function Editor({ object, node, path, wanted, subscriber, device }) {
  const definition = definitionOf(object, path);
  const { stage } = useBasket(device.id);
  const [scope, setScope] = useState("subscriber");
  const [value, setValue] = useState(wanted ?? "");
  const own = (scope === "device" ? device : subscriber).values;
  const submit = (event) => {
    event.preventDefault();
    stage({ scope, node, value, before: wanted, own: own[node] ?? null });
  };
  return html`<form onSubmit=${submit} class="stack editor">
    ${definition && html`<${Facts} of=${[
      ["May hold", permittedOf(definition)],
      ["Occurs", definition.occurrence],
      ["Access", definition.access.join(", ")],
      ["Default", definition.default],
      ["Means", definition.description || definition.title],
      ["From", `${object.specification}${definition.provenance.status ? `, ${definition.provenance.status}` : ""}`],
    ]} />`}
    <label class="field"><span>New value</span><${Input} of=${definition} value=${value} onInput=${setValue} /></label>
    <label class="field"><span>For</span>
      <select value=${scope} onChange=${(event) => setScope(event.target.value)}>
        <option value="subscriber">all devices of ${subscriber.id}</option>
        <option value="device">${device.id} alone</option>
      </select>
    </label>
    <div class="row">
      <button type="submit" class="main" disabled=${!may("subscribers:write")}>Stage</button>
      ${node in own && html`<button type="button" onClick=${() => stage({ scope, node, value: null, before: wanted, own: own[node] })}>Take ${own[node]} back</button>`}
    </div>
  </form>`;
}

// The control for values of a node: what its definition permits, no more.
function Input({ of, value, onInput }) {
  const change = (event) => onInput(event.target.value);
  const format = of?.formats[0] ?? "chr";
  const options = of?.values.length ? of.values : format === "bool" ? [{ value: "true" }, { value: "false" }] : null;
  if (options) {
    return html`<select value=${value} onChange=${change}>
      ${!options.some((one) => one.value === value) && html`<option value=${value}>${value}</option>`}
      ${options.map((one) => html`<option key=${one.value} value=${one.value}>${one.meaning ? `${one.value}: ${one.meaning}` : one.value}</option>`)}
    </select>`;
  }
  if (format === "int") return html`<input type="number" value=${value} min=${of.low ?? undefined} max=${of.high ?? undefined} onInput=${change} required />`;
  if (format === "xml" || format === "bin" || value.length > 60) return html`<textarea rows="5" value=${value} onInput=${change} spellcheck=${false} />`;
  return html`<input value=${value} onInput=${change} autocomplete="off" spellcheck=${false} />`;
}
