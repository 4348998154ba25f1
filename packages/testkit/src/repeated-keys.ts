interface Frame {
  readonly path: string;
  /** The keys met so far; `undefined` for a list. */
  readonly keys: Set<string> | undefined;
  /** The key or the index whose value is being read. */
  at: string | number | undefined;
}

/**
 * Finds the keys that an object of a JSON text repeats, as paths (`usage.current`, `checks[3].tenant`): `JSON.parse` keeps
 * the last of two without a word, and a sidecar refuses both. The text must be valid JSON. Linear in it. Never throws.
 */
export function repeatedKeys(json: string): string[] {
  const found: string[] = [];
  const frames: Frame[] = [];
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    const frame = frames.at(-1);
    if (token === "{") frames.push({ path: pathOf(frame), keys: new Set(), at: undefined });
    else if (token === "[") frames.push({ path: pathOf(frame), keys: undefined, at: 0 });
    else if (token === "}" || token === "]") frames.pop();
    else if (frame === undefined) continue;
    else if (token === ",") frame.at = typeof frame.at === "number" ? frame.at + 1 : undefined;
    else if (frame.keys !== undefined && frame.at === undefined) {
      frame.at = JSON.parse(token) as string;
      if (frame.keys.has(frame.at)) found.push(pathOf(frame));
      frame.keys.add(frame.at);
    }
  }
  return found;
}

function pathOf(frame: Frame | undefined): string {
  if (frame === undefined) return "";
  if (frame.keys === undefined) return `${frame.path}[${frame.at}]`;
  return frame.path === "" ? `${frame.at}` : `${frame.path}.${frame.at}`;
}
