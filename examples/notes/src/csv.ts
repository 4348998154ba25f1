import type { Note } from "./notes-store.ts";

/** Notes as CSV with a header line. @see RFC 4180 */
export function notesAsCsv(notes: readonly Note[]): string {
  const rows = [["id", "text", "updatedAt"], ...notes.map((note) => [note.id, note.text, note.updatedAt])];
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** A spreadsheet runs a cell that begins like a formula; an apostrophe makes it text. */
function cell(value: string): string {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
