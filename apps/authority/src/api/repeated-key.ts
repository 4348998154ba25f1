interface Open {
  /** Names seen; `undefined` in an array. */
  readonly names: Set<string> | undefined;
  readonly place: string;
  /** The name whose value comes, or the index. */
  at: string | number;
  isNameNext: boolean;
}

/**
 * The place of the first name that an object of a JSON text has twice, however it is spelt; `undefined` where there is
 * none. `JSON.parse` takes the last value in silence, and whoever looked at the text saw the first. The text must be
 * JSON. Linear in its length. Never throws for JSON.
 */
export function repeatedKey(text: string): string | undefined {
  const open: Open[] = [];
  for (let i = 0; i < text.length; i++) {
    const top = open.at(-1);
    switch (text[i]) {
      case '"': {
        const end = endOfString(text, i);
        if (top?.names !== undefined && top.isNameNext) {
          const name = JSON.parse(text.slice(i, end + 1)) as string;
          if (top.names.has(name)) return placeIn(top.place, name);
          top.names.add(name);
          top.at = name;
          top.isNameNext = false;
        }
        i = end;
        break;
      }
      case "{":
      case "[": {
        const place = top === undefined ? "" : placeIn(top.place, top.at);
        const isObject = text[i] === "{";
        open.push({ names: isObject ? new Set() : undefined, place, at: isObject ? "" : 0, isNameNext: isObject });
        break;
      }
      case "}":
      case "]":
        open.pop();
        break;
      case ",":
        if (top === undefined) break;
        if (typeof top.at === "number") top.at++;
        else top.isNameNext = true;
        break;
      default:
    }
  }
  return undefined;
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  return text.length;
}

function placeIn(place: string, at: string | number): string {
  if (typeof at === "number") return `${place}[${at}]`;
  return place === "" ? at : `${place}.${at}`;
}
