import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Decision } from "@dimmer/core";
import { describe, expect, it, vi } from "vitest";
import { guardEgress } from "../../src/egress/index.ts";
import { closeFrameOf, guardJob, onceDenied } from "../../src/jobs/index.ts";
import { LiveDimmer } from "../guard/live-dimmer.ts";
import { locked, unpaid } from "../guard/memory-dimmer.ts";

const viewing = { tenant: "acme", capability: "view", principal: "member" } as const;

describe("onceDenied", () => {
  it("calls once, on the change, with the decision", () => {
    const dimmer = new LiveDimmer({ acme: {} });
    const heard: Decision[] = [];
    onceDenied(dimmer, viewing, (decision) => heard.push(decision));
    dimmer.change("acme", unpaid("limited"));
    expect(heard).toEqual([]);
    dimmer.change("acme", locked());
    dimmer.change("acme", {});
    dimmer.change("acme", locked());
    expect(heard).toMatchObject([{ reason: "locked", allowed: false }]);
  });

  it("calls at once where it is denied already", () => {
    const heard = vi.fn();
    onceDenied(new LiveDimmer({ acme: locked() }), viewing, heard);
    expect(heard).toHaveBeenCalledOnce();
  });

  it("ends with login for who signs in, and not for a service", () => {
    const dimmer = new LiveDimmer({ acme: {} });
    const heard: string[] = [];
    for (const principal of ["member", "admin", "service"] as const) {
      // Everybody keeps "pay" there; only administrators keep "login".
      const paying = { tenant: "acme", capability: "pay", principal };
      onceDenied(dimmer, paying, () => heard.push(principal));
    }
    dimmer.change("acme", unpaid("export_only"));
    expect(heard).toEqual(["member"]);
  });

  it("ends with a feature, and a session by itself with login alone", () => {
    const dimmer = new LiveDimmer({ acme: {} });
    const heard: string[] = [];
    onceDenied(dimmer, { ...viewing, feature: "sso" }, () => heard.push("feature"));
    onceDenied(dimmer, { ...viewing, capability: "login" }, () => heard.push("session"));
    dimmer.change("acme", { plan: "starter" });
    expect(heard).toEqual(["feature"]);
    dimmer.change("acme", unpaid("read_only"));
    expect(heard).toEqual(["feature", "session"]);
  });

  it("hears nothing once it was stopped", () => {
    const dimmer = new LiveDimmer({ acme: {} });
    const heard = vi.fn();
    const stop = onceDenied(dimmer, viewing, heard);
    stop();
    stop();
    dimmer.change("acme", locked());
    expect(heard).not.toHaveBeenCalled();
  });

  it("waits for a Dimmer that answers later, and hears nothing where it was stopped meanwhile", async () => {
    const dimmer = new LiveDimmer({ acme: locked() });
    const later = { signal: async (...asked: Parameters<LiveDimmer["signal"]>) => dimmer.signal(...asked) };
    const heard = vi.fn();
    onceDenied(later, viewing, heard);
    await vi.waitFor(() => expect(heard).toHaveBeenCalledOnce());
    const stopped = vi.fn();
    onceDenied(later, viewing, stopped)();
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).not.toHaveBeenCalled();
  });

  it("hears of every connection, of more than signals are kept for", { timeout: 30_000 }, () => {
    const dimmer = new LiveDimmer(Object.fromEntries(Array.from({ length: 6_000 }, (_, at) => [`t${at}`, {}])));
    const heard = new Set<string>();
    for (let at = 0; at < 6_000; at++) {
      const tenant = `t${at}`;
      onceDenied(dimmer, { tenant, capability: "view" }, () => heard.add(tenant));
    }
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
    for (let at = 0; at < 6_000; at++) dimmer.change(`t${at}`, locked());
    expect(heard.size).toBe(6_000);
  });
});

describe("what gives no signals", () => {
  it.each([
    ["a connect() that was not awaited", Promise.resolve(new LiveDimmer({}))],
    ["arguments that are swapped", "acme"],
    ["nothing", undefined],
  ])("is refused by its name: %s", async (_what, given) => {
    const dimmer = given as never;
    const told = /dimmer\.signal is missing: give what connect\(\) or connectRemote\(\) resolves to/;
    expect(() => onceDenied(dimmer, viewing, () => {})).toThrow(told);
    expect(() => guardEgress(dimmer, "acme")).toThrow(told);
    await expect(guardJob(dimmer, "acme", () => 1)).rejects.toThrow(told);
  });
});

describe("closeFrameOf", () => {
  it("closes with the status of the denial and its title, never longer than a frame holds", () => {
    const dimmer = new LiveDimmer({ acme: locked() });
    const denial = dimmer.denial("acme", dimmer.check("acme", "view"));
    expect(closeFrameOf(denial)).toEqual({ code: 4_403, reason: denial.body.title });
    for (const title of ["x".repeat(500), "停止".repeat(100), "🔒".repeat(90)]) {
      const { reason } = closeFrameOf({ status: 402, body: { ...denial.body, title } });
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
      expect(Buffer.byteLength(reason)).toBeGreaterThan(119);
      expect(title.startsWith(reason)).toBe(true);
    }
  });
});
