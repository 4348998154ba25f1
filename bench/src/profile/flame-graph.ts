/** What V8 writes with `--cpu-prof`, as far as it is drawn. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of nodes, one a sample; and the microseconds before each. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** Calls from the same place, put together. */
interface Frame {
  readonly name: string;
  readonly place: string;
  readonly kind: keyof typeof COLOURS;
  us: number;
  readonly below: Map<string, Frame>;
}

const COLOURS = {
  dimmer: "#2b6cb0",
  library: "#805ad5",
  node: "#dd9a3c",
  engine: "#a0aec0",
} as const;
const LEGEND = { dimmer: "Dimmer and its benchmarks", library: "libraries", node: "Node", engine: "V8, native, idle" };
const WIDTH = 1_200;
const ROW = 17;
const TOP = 44;
/** Pixels: narrower is not drawn. */
const LEAST_WIDTH = 0.4;
const CHARACTER_WIDTH = 6.4;

/**
 * A flame graph as SVG, without script: what calls stands below what is called, width is time spent, what the pointer
 * rests on is named with its share. Idle time is left out. Never throws.
 */
export function flameGraphOf(profile: CpuProfile, title: string): string {
  const root = mergedOf(profile);
  const boxes: string[] = [];
  const height = TOP + ROW * (depthOf(root, root.us) + 1) + 10;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.us / root.us) * WIDTH;
    if (!(width >= LEAST_WIDTH)) return;
    boxes.push(boxOf(frame, { x, width, y: height - 10 - ROW * (depth + 1), share: frame.us / root.us }));
    let at = x;
    for (const child of [...frame.below.values()].toSorted((a, b) => a.name.localeCompare(b.name))) {
      draw(child, at, depth + 1);
      at += (child.us / root.us) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const legend = Object.entries(LEGEND).map(
    ([kind, text], i) =>
      `<rect x="${8 + i * 220}" y="24" width="12" height="12" fill="${COLOURS[kind as keyof typeof COLOURS]}"/>` +
      `<text x="${25 + i * 220}" y="34">${text}</text>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11" role="img" aria-label="${escapeXml(title)}">` +
    `<rect width="100%" height="100%" fill="#fff"/><text x="8" y="16" font-size="13">${escapeXml(title)}: ${(root.us / 1_000).toFixed(0)} ms busy</text>` +
    `${legend.join("")}${boxes.join("")}</svg>\n`
  );
}

function mergedOf({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const root: Frame = { name: "all", place: "", kind: "engine", us: 0, below: new Map() };
  for (const [i, id] of samples.entries()) {
    const us = Math.max(0, timeDeltas[i] ?? 0);
    const stack: ProfileNode[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const node = byId.get(at);
      if (node !== undefined && parents.has(at)) stack.push(node);
    }
    if (stack[0] === undefined || ["(idle)", "(root)"].includes(stack[0].callFrame.functionName)) continue;
    root.us += us;
    let frame = root;
    for (const node of stack.reverse()) {
      frame = childOf(frame, node);
      frame.us += us;
    }
  }
  return root;
}

function childOf(frame: Frame, { callFrame: { functionName, url, lineNumber } }: ProfileNode): Frame {
  const key = `${functionName} ${url} ${lineNumber}`;
  const known = frame.below.get(key);
  if (known !== undefined) return known;
  const place = url === "" ? "" : `${url.replace(/^.*\/(?=[^/]+\/[^/]+\/[^/]+$)/, "")}:${lineNumber + 1}`;
  const made: Frame = { name: functionName || "(anonymous)", place, kind: kindOf(url), us: 0, below: new Map() };
  frame.below.set(key, made);
  return made;
}

function kindOf(url: string): Frame["kind"] {
  if (url.startsWith("node:")) return "node";
  if (url === "") return "engine";
  return /\/node_modules\/(?!@dimmer\/)/.test(url) ? "library" : "dimmer";
}

/** Rows that are drawn above a frame. */
function depthOf(frame: Frame, allUs: number): number {
  const drawn = [...frame.below.values()].filter(({ us }) => (us / allUs) * WIDTH >= LEAST_WIDTH);
  return drawn.length === 0 ? 0 : 1 + Math.max(...drawn.map((child) => depthOf(child, allUs)));
}

function boxOf(
  { name, place, kind, us }: Frame,
  { x, y, width, share }: { x: number; y: number; width: number; share: number },
): string {
  const letters = Math.floor((width - 6) / CHARACTER_WIDTH);
  const label = letters < 3 ? "" : name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
  const told = `${name}${place === "" ? "" : ` (${place})`}: ${(us / 1_000).toFixed(1)} ms, ${(share * 100).toFixed(1)} %`;
  return (
    `<g><title>${escapeXml(told)}</title>` +
    `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${COLOURS[kind]}" rx="1"/>` +
    `${label === "" ? "" : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}" fill="#fff">${escapeXml(label)}</text>`}</g>`
  );
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
