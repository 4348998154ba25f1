import { malformed } from "../api/problem.ts";
import { repeatedKey } from "../api/repeated-key.ts";

/** A row of an import: a value, or why there is none. `line` counts from 1, in the file. */
export type ImportRow =
  | { readonly line: number; readonly value: unknown }
  | { readonly line: number; readonly fault: string; readonly field?: string };

/** Reads a JSON object a line. Empty lines are skipped; a line that is no JSON is a row at fault. */
export async function* readNdjsonRows(lines: AsyncIterable<string>): AsyncGenerator<ImportRow> {
  let line = 0;
  for await (const text of lines) {
    line++;
    if (text.trim() === "") continue;
    let row: ImportRow;
    try {
      row = rowOfJson(text, line);
    } catch {
      row = { line, fault: "is not JSON" };
    }
    yield row;
  }
}

/** @throws {SyntaxError} where it is not JSON */
function rowOfJson(text: string, line: number): ImportRow {
  const value: unknown = JSON.parse(text);
  const repeated = repeatedKey(text);
  return repeated === undefined ? { line, value } : { line, fault: "is there twice", field: repeated };
}

/** What the columns of a file may be. */
export interface CsvLayout {
  readonly columns: readonly string[];
  /** Those that the header must name. */
  readonly required: readonly string[];
  /** Those whose cells are JSON. */
  readonly json: ReadonlySet<string>;
}

const TENANT_LAYOUT: CsvLayout = {
  columns: ["id", "name", "plan", "features", "zone", "locale", "criticality", "contacts", "contract"],
  required: ["id", "name", "plan"],
  json: new Set(["features", "contacts", "contract"]),
};

/**
 * Reads comma-separated values by RFC 4180, with a header that names the columns. An empty cell is a field left out. Cells may span lines where they are quoted.
 *
 * @throws {Refusal} `malformed` for a header that is none, or names what is no column
 */
export async function* readCsvRows(
  lines: AsyncIterable<string>,
  layout: CsvLayout = TENANT_LAYOUT,
): AsyncGenerator<ImportRow> {
  let header: readonly string[] | undefined;
  let line = 0;
  let from = 1;
  let open = "";
  for await (const text of lines) {
    line++;
    const whole = open === "" ? text : `${open}\n${text}`;
    if (open === "") from = line;
    if (isUnclosed(whole) && whole.length <= MAX_RECORD_CHARS) {
      open = whole;
      continue;
    }
    open = "";
    if (whole.trim() === "") continue;
    const cells = cellsOf(header === undefined ? whole.replace(/^\uFEFF/, "") : whole);
    if (header === undefined) header = checkHeader(cells, layout);
    else yield rowOf({ header, layout }, cells, from);
  }
  if (open !== "") yield { line: from, fault: "has a quote that nothing closes" };
}

const MAX_RECORD_CHARS = 65_536;

function isUnclosed(text: string): boolean {
  let quotes = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) quotes++;
  return quotes % 2 === 1;
}

/** The cells of a record; `undefined` where it is not well-formed. */
function cellsOf(text: string): string[] | undefined {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let cell = "";
      for (at++; ; at++) {
        const end = text.indexOf('"', at);
        if (end === -1) return undefined;
        cell += text.slice(at, end);
        at = end;
        if (text[at + 1] !== '"') break;
        cell += '"';
        at++;
      }
      cells.push(cell);
      at++;
      if (at < text.length && text[at] !== ",") return undefined;
    } else {
      const end = text.indexOf(",", at);
      const cell = end === -1 ? text.slice(at) : text.slice(at, end);
      if (cell.includes('"')) return undefined;
      cells.push(cell);
      at = end === -1 ? text.length : end;
    }
    if (at >= text.length) return cells;
    at++;
  }
}

function checkHeader(cells: string[] | undefined, { columns, required }: CsvLayout): readonly string[] {
  const names = cells?.map((cell) => cell.trim()) ?? [];
  const unknown = names.find((name) => !columns.includes(name));
  if (unknown !== undefined) {
    throw malformed("line 1", `${JSON.stringify(unknown.slice(0, 40))} is no column; those are ${columns.join(", ")}`);
  }
  const missing = required.find((name) => !names.includes(name));
  if (missing !== undefined) throw malformed("line 1", `the header lacks the column ${missing}`);
  if (new Set(names).size < names.length) throw malformed("line 1", "names a column twice");
  return names;
}

function rowOf(
  { header, layout }: { header: readonly string[]; layout: CsvLayout },
  cells: string[] | undefined,
  line: number,
): ImportRow {
  if (cells === undefined) return { line, fault: "is not comma-separated: quote cells that hold quotes or commas" };
  if (cells.length !== header.length) {
    return { line, fault: `has ${cells.length} cells where the header has ${header.length}` };
  }
  const value: Record<string, unknown> = {};
  for (const [index, name] of header.entries()) {
    const cell = cells[index] as string;
    if (cell === "") continue;
    if (!layout.json.has(name)) {
      value[name] = cell;
      continue;
    }
    try {
      value[name] = JSON.parse(cell) as unknown;
    } catch {
      return { line, fault: "is not JSON", field: name };
    }
    const repeated = repeatedKey(cell);
    if (repeated !== undefined) return { line, fault: "is there twice", field: `${name}.${repeated}` };
  }
  return { line, value };
}
