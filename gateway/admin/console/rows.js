// Files of subscribers as the rows that the API takes. No input, no output.

export const COLUMNS = ["id", "imsis", "msisdn", "tenant", "plan", "groups"];
const LISTS = ["imsis", "groups"];
const ATTRIBUTE = "attribute.";

// The rows of a file: { number, line, text }, each the text of one row as JSON with the line that it begins on.
export function linesOf(name, text) {
  const found = /\.(jsonl|ndjson)$/i.test(name) ? jsonOf(text) : csvOf(text);
  if (!found.length) throw new Error(`${name} has no rows.`);
  return found.map((row, place) => ({ ...row, number: place + 1 }));
}

const jsonOf = (text) => text.split("\n").map((row, place) => ({ line: place + 1, text: row.trim() })).filter((row) => row.text);

function csvOf(text) {
  const [head, ...records] = recordsOf(text.replace(/^\ufeff/, ""));
  const names = (head?.cells ?? []).map((cell) => cell.trim());
  const unknown = names.filter((name) => !COLUMNS.includes(name) && !name.startsWith(ATTRIBUTE));
  if (unknown.length) throw new Error(`There is no column ${unknown.join(", ")}: the first line names the columns, which can be ${COLUMNS.join(", ")} and attribute.NAME.`);
  return records.map(({ line, cells }) => {
    if (cells.length > names.length) throw new Error(`Line ${line} has ${cells.length} cells, more than there are columns.`);
    return { line, text: JSON.stringify(rowOf(names, cells)) };
  });
}

function rowOf(names, cells) {
  const row = {};
  names.forEach((name, place) => {
    const cell = textOf((cells[place] ?? "").trim());
    if (!cell) return;
    if (name.startsWith(ATTRIBUTE)) row.attributes = { ...row.attributes, [name.slice(ATTRIBUTE.length)]: cell };
    else row[name] = LISTS.includes(name) ? cell.split(/\s+/) : cell;
  });
  return row;
}

// A cell that a spreadsheet would take for a formula has an apostrophe before it, as gateway/fleet/table.py writes it.
const textOf = (cell) => (/^'+(?:[=@\uff1d\uff20\t\r\n]|[+\uff0b\uff0d-](?![0-9.]+$))/.test(cell) ? cell.slice(1) : cell);

// The records of a CSV text, { line, cells } each; a semicolon separates where the first line has no comma. RFC 4180
function recordsOf(text) {
  const mark = /^[^\n]*,/.test(text) || !/^[^\n]*;/.test(text) ? "," : ";";
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|((?!")[^${mark}\\r\\n]*))(${mark}|\\r?\\n|$)`, "y");
  const records = [];
  let [line, record] = [1, null];
  while (cell.lastIndex < text.length || record) {
    const found = cell.exec(text);
    if (!found) throw new Error(`Line ${line} has a quotation mark that does not fit.`);
    const [whole, quoted, plain, end] = found;
    record ??= { line, cells: [] };
    record.cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += whole.split("\n").length - 1;
    if (end !== mark) {
      if (record.cells.some((one) => one.trim())) records.push(record);
      record = null;
    }
  }
  return records;
}
