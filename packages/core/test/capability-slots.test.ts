import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CapabilitySlots } from "../src/capability-slots.ts";

const NAMES = ["view", "create", "export", "login", "pay", "leave", "job"];
const WIDTH = 5;

describe("CapabilitySlots", () => {
  it("finds every capability at its place, in any order, more of them than it remembers", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(NAMES.length)), (asked) => {
        const slots = new CapabilitySlots(NAMES, WIDTH);
        for (const i of asked) expect(slots.find(NAMES[i] ?? "fly")).toBe(i < NAMES.length ? i * WIDTH : -1);
      }),
    );
  });

  it("finds nothing where there is no capability at all", () => {
    const none = new CapabilitySlots([], WIDTH);
    expect([none.find(""), none.find("view")]).toEqual([-1, -1]);
  });
});
