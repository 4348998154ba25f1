import { DimmerError } from "@dimmer/core";

/** A refusal of an input file: `file:line: what is wrong; the fix`. */
export function refuseAt(file: string, line: number, message: string): DimmerError {
  return new DimmerError("input_invalid", `${file}:${line}: ${message}`);
}

/** The line (from 1) on which a character of a text stands. Linear. Never throws. */
export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

// Tab and line feed apart, no control character means anything here; all of them mean that something went wrong.
const FORBIDDEN = /[^\P{Cc}\t\n]|\ufeff/u;

/**
 * Says what is wrong with the characters of an input text and where, or `undefined` where nothing is. A byte-order mark
 * and CRLF are refused as NUL is: bytes that an editor does not show would become part of ids and texts that are signed.
 * Never throws.
 */
export function faultOfCharacters(text: string): { readonly index: number; readonly message: string } | undefined {
  const index = text.search(FORBIDDEN);
  if (index === -1) return undefined;
  const code = text.charCodeAt(index);
  switch (code) {
    case 0xfeff:
      return { index, message: "a byte-order mark (BOM); save the file as UTF-8 without BOM" };
    case 0x0d:
      return { index, message: "a carriage return (CRLF line end); save the file with LF line ends" };
    case 0:
      return { index, message: "a NUL character; the file is damaged or not text: restore it" };
    default: {
      const name = code.toString(16).toUpperCase().padStart(4, "0");
      return { index, message: `the control character U+${name}; remove it` };
    }
  }
}

const LINE_FEED = 0x0a;

/**
 * Decodes UTF-8. Keeps a byte-order mark, for `faultOfCharacters` to refuse.
 *
 * @param firstLine the line on which the bytes begin
 * @throws {DimmerError} `input_invalid` naming the line of the first byte that is none
 */
export function decodeUtf8(bytes: Uint8Array, file: string, firstLine: number): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes);
  } catch {
    let line = firstLine;
    for (let start = 0; start < bytes.length; line++) {
      const feed = bytes.indexOf(LINE_FEED, start);
      const end = feed === -1 ? bytes.length : feed;
      try {
        decoder.decode(bytes.subarray(start, end));
      } catch {
        break;
      }
      start = end + 1;
    }
    throw refuseAt(file, line, "not UTF-8 text; save the file as UTF-8");
  }
}
