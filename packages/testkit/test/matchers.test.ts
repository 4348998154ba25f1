import { type DimmerMatchers, dimmerMatchers, inFull, inMode, TestWorld } from "@dimmer/testkit";
import { beforeAll, describe, expect, it } from "vitest";

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends DimmerMatchers<R> {}
}

beforeAll(() => {
  expect.extend({ ...dimmerMatchers });
});

describe("dimmerMatchers", () => {
  it("tell decisions", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("paying"), inMode("acme", "limited")] });
    const allowed = world.dimmer.check("paying", "create");
    const denied = world.dimmer.check("acme", "create");
    expect(allowed).toBeAllowed();
    expect(denied).not.toBeAllowed();
    expect(denied).toBeDeniedWith("restricted");
    expect(denied).toBeDeniedWith({ reason: "restricted", cause: "nonpayment", mode: "limited" });
    expect(allowed).not.toBeDeniedWith("granted");
    expect(() => expect(allowed).not.toBeAllowed()).toThrow("expected what is allowed (reason granted, mode full");
    expect(() => expect(denied).toBeAllowed()).toThrow("expected what is denied (reason restricted, mode limited");
    expect(() => expect(denied).toBeDeniedWith("locked")).toThrow("to be denied with reason locked");
    expect(() => expect(denied).toBeDeniedWith({ mode: "closed" })).toThrow("to be denied with mode closed");
  });

  it("tell responses by their headers, and what injected requests give", () => {
    const headers = { "Dimmer-Reason": "restricted", "Dimmer-Mode": "limited" };
    const denied = new Response("{}", { status: 402, headers });
    expect(denied).toBeDeniedWith({ status: 402, reason: "restricted", mode: "limited" });
    expect(denied).not.toBeAllowed();
    expect(denied.bodyUsed).toBe(false);
    expect(new Response("no such page", { status: 404 })).toBeAllowed();
    expect({ status: 403, headers: { "dimmer-reason": "locked" } }).toBeDeniedWith("locked");
  });

  it("say what is neither", () => {
    for (const received of [undefined, null, 7, "allowed", {}, { allowed: "yes" }]) {
      expect(received).not.toBeAllowed();
      expect(() => expect(received).toBeDeniedWith("locked")).toThrow("which is neither a decision nor a response");
    }
  });
});
