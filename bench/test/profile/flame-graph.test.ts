import { expect, test } from "vitest";
import { type CpuProfile, flameGraphOf } from "../../src/profile/flame-graph.ts";

const frame = (functionName: string, url: string): CpuProfile["nodes"][number]["callFrame"] => ({
  functionName,
  url,
  lineNumber: 6,
});

const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)", ""), children: [2, 4] },
    { id: 2, callFrame: frame("serve", "file:///a/apps/sidecar/src/serve.ts"), children: [3] },
    { id: 3, callFrame: frame("parse<T>", "node:internal/http"), children: [] },
    { id: 4, callFrame: frame("(idle)", ""), children: [] },
  ],
  samples: [3, 2, 4],
  timeDeltas: [3_000, 1_000, 9_000],
};

test("gives every call its share of what was not idle, and names it safely", () => {
  const svg = flameGraphOf(PROFILE, "a & b");
  expect(svg).toContain("a &amp; b: 4 ms busy");
  expect(svg).toContain("serve (sidecar/src/serve.ts:7): 4.0 ms, 100.0 %");
  expect(svg).toContain("parse&lt;T> (node:internal/http:7): 3.0 ms, 75.0 %");
  expect(svg).not.toContain("(idle)");
});

test("draws what is called above what calls it", () => {
  const rowOf = (name: string): number =>
    Number(new RegExp(`${name}[^]*?y="(\\d+)"`).exec(flameGraphOf(PROFILE, "t"))?.[1]);
  expect(rowOf("parse")).toBeLessThan(rowOf("serve"));
});
