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
    expect({ status: 403, headers: { "dimmer-reason": "locked" } }).toBeDeniedWith("locked");
  });

  it("take for allowed only what proves it: success, or the status that the test names, and no denial", () => {
    for (const status of [200, 201, 202, 206]) expect(new Response("", { status })).toBeAllowed();
    expect({ status: 204, headers: { "dimmer-status": "204", "dimmer-reason": "granted" } }).toBeAllowed();
    for (const status of [302, 304, 400, 401, 402, 403, 404, 422, 500, 503]) {
      const answer = { status, headers: {} };
      expect(answer, `${status}`).not.toBeAllowed();
      expect(answer, `${status}`).toBeAllowed({ status });
      expect(answer, `${status}`).not.toBeDeniedWith({ status });
      expect(() => expect(answer).toBeAllowed()).toThrow(
        `expected what is not denied (status ${status}) to be allowed`,
      );
    }
    expect({ status: 200, headers: {} }).not.toBeAllowed({ status: 404 });
    const denied = { status: 403, headers: { "dimmer-reason": "locked" } };
    expect(denied).not.toBeAllowed({ status: 403 });
    expect(() => expect({ status: 200, headers: {} }).toBeAllowed({ status: 201 })).toThrow("allowed with status 201");
  });

  it("say what is neither", () => {
    for (const received of [undefined, null, 7, "allowed", {}, { allowed: "yes" }]) {
      expect(received).not.toBeAllowed();
      expect(() => expect(received).toBeDeniedWith("locked")).toThrow("which is neither a decision nor a response");
    }
  });
});
