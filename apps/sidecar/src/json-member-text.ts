import { endOfString } from "./json-members.ts";

/**
 * Finds the text of a member of a JSON object exactly as it was written: parsing it and writing it again would round its
 * great numbers, sort its keys and change its escapes. The text must be a valid JSON object. Of equal keys the last
 * counts, as for `JSON.parse`. Linear. Never throws.
 *
 * @returns the value's own text without the space around it; `undefined` where there is no such key
 */
export function jsonMemberText(json: string, key: string): string | undefined {
  let found: string | undefined;
  let depth = 0;
  let name: string | undefined;
  let valueAt = -1;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') {
      const end = endOfString(json, at);
      if (depth === 1 && name === undefined) name = JSON.parse(json.slice(at, end + 1)) as string;
      at = end;
    } else if (character === ":" && depth === 1) {
      valueAt = at + 1;
    } else if (character === "{" || character === "[") {
      depth++;
    } else if (character === "}" || character === "]" || character === ",") {
      if (depth === 1 && name === key) found = json.slice(valueAt, at).trim();
      if (depth === 1) name = undefined;
      if (character !== ",") depth--;
    }
  }
  return found;
}
