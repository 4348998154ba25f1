import { parse } from "graphql";
import { describe, expect, it, vi } from "vitest";
import { graphqlGuard } from "../../src/graphql/index.ts";
import type { Refusal } from "../../src/guard/options.ts";
import { LiveDimmer } from "../guard/live-dimmer.ts";
import { type KnownTenant, LaterDimmer, locked, unpaid } from "../guard/memory-dimmer.ts";

interface Context {
  readonly tenant?: string;
}

const single = parse("subscription { single }");
const contextValue: Context = { tenant: "acme" };

function world(known: KnownTenant = {}, more: object = {}) {
  const dimmer = new LiveDimmer({ acme: known });
  const guard = graphqlGuard<Context>({
    dimmer,
    tenant: ({ tenant }) => tenant,
    principal: () => "member",
    fields: { "subscription.single": { capability: "view", feature: "sso" }, "subscription.free": "open" },
    protected: { login: "elsewhere", pay: "elsewhere", export: "elsewhere", contact: "elsewhere", leave: "elsewhere" },
    ...more,
  });
  const ended: Refusal[] = [];
  return { dimmer, guard, ended, end: (refusal: Refusal) => void ended.push(refusal) };
}

const settled = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

describe("onceEnded", () => {
  it.each<[string, KnownTenant, string]>([
    ["a plan without the feature", { plan: "starter" }, "feature_not_in_plan"],
    ["the feature taken by an override", { features: { sso: false } }, "feature_not_in_plan"],
    ["a step that denies the feature alone", withDenied("feature:sso"), "restricted"],
    ["a mode without the capability", unpaid("closed"), "restricted"],
    ["the end of the session", unpaid("read_only"), "principal_not_admitted"],
    ["a lock", locked(), "locked"],
  ])("ends by %s, once", async (_by, known, reason) => {
    const { dimmer, guard, ended, end } = world();
    guard.onceEnded({ document: single, contextValue }, end);
    await settled();
    dimmer.change("acme", unpaid("grace"));
    await settled();
    expect(ended).toEqual([]);
    dimmer.change("acme", known);
    await settled();
    dimmer.change("acme", locked());
    await settled();
    expect(ended).toHaveLength(1);
    expect(JSON.parse(ended[0]?.body ?? "")).toMatchObject({ type: `urn:dimmer:problem:${reason}` });
  });

  it("ends at once what is denied by then, and nothing that is stopped, open or nobody's", async () => {
    const { guard, ended, end } = world(locked());
    guard.onceEnded({ document: single, contextValue }, end)();
    guard.onceEnded({ document: parse("subscription { free }"), contextValue }, end);
    guard.onceEnded({ document: single, contextValue: {} }, end);
    await settled();
    expect(ended).toEqual([]);
    guard.onceEnded({ document: single, contextValue }, end);
    await vi.waitFor(() => expect(ended).toHaveLength(1));
  });

  it("goes on where what was taken is back, and ends when it is taken again", async () => {
    const dimmer = new LiveDimmer({ acme: {} });
    const slow = {
      check: async (...asked: Parameters<LiveDimmer["check"]>) => settled().then(() => dimmer.check(...asked)),
      ask: async (...asked: Parameters<LiveDimmer["ask"]>) => settled().then(() => dimmer.ask(...asked)),
      denial: dimmer.denial.bind(dimmer),
      signal: dimmer.signal.bind(dimmer),
    };
    const { guard, ended, end } = world({}, { dimmer: slow });
    guard.onceEnded({ document: single, contextValue }, end);
    await settled();
    dimmer.change("acme", locked());
    dimmer.change("acme", {});
    await settled();
    await settled();
    await settled();
    expect(ended).toEqual([]);
    dimmer.change("acme", { plan: "starter" });
    await vi.waitFor(() => expect(ended).toHaveLength(1));
  });

  it("goes on for whom it was begun: somebody who signs out meanwhile leaves nothing running", async () => {
    let tenant: string | undefined = "acme";
    const { dimmer, guard, ended, end } = world({}, { tenant: () => tenant });
    guard.onceEnded({ document: single, contextValue }, end);
    await settled();
    tenant = undefined;
    dimmer.change("acme", locked());
    await settled();
    expect(ended).toHaveLength(1);
  });

  it("ends where nobody knows whose it is: what could not be ended must not go on", async () => {
    const tenant = (): Promise<string> => Promise.reject(new Error("no session store"));
    const { guard, ended, end } = world({}, { tenant });
    guard.onceEnded({ document: single, contextValue }, end);
    await vi.waitFor(() => expect(ended).toMatchObject([{ status: 503, headers: { "Retry-After": "5" } }]));
  });

  it("hears nothing of a Dimmer without signals, and says so", async () => {
    const { dimmer, guard, ended, end } = world();
    expect(guard.isTold).toBe(true);
    const deaf = world({}, { dimmer: new LaterDimmer(dimmer) });
    expect(deaf.guard.isTold).toBe(false);
    deaf.guard.onceEnded({ document: single, contextValue }, end);
    dimmer.change("acme", locked());
    await settled();
    expect(ended).toEqual([]);
  });
});

function withDenied(...deny: string[]): KnownTenant {
  const steps = [{ atMs: Date.UTC(2026, 0, 5), mode: "full", deny }];
  return { restrictions: [{ cause: "manual", case: "case_2", steps }] };
}
