import { describe, expect, it } from "vitest";
import { checkNode } from "../../src/connect/check-node.ts";

describe("checkNode", () => {
  it.each(["22.19.0", "22.20.1", "24.0.0", "26.10.0"])("takes Node %s", (version) => {
    expect(() => checkNode("connect", version)).not.toThrow();
  });

  it.each(["20.20.2", "22.18.9", "18.0.0"])("says to whoever runs on Node %s which one is needed", (version) => {
    const told = `connect runs on Node ${version}: run your product on Node 22.19 or newer`;
    expect(() => checkNode("connect", version)).toThrow(told);
  });
});
