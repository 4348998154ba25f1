import {
  AsyncLocalStorageTransactionContextPropagator,
  type EvaluationDetails,
  type FlagValue,
  type Hook,
  type HookContext,
  OpenFeature,
} from "@openfeature/server-sdk";
import { describe, expect, it } from "vitest";
import { clientOfWorld, flagWorld } from "./flag-world.ts";

const acme = { targetingKey: "acme" };

/** A hook that writes down its stages. */
function recorder(): { readonly hook: Hook; readonly stages: [string, Partial<EvaluationDetails<FlagValue>>?][] } {
  const stages: [string, Partial<EvaluationDetails<FlagValue>>?][] = [];
  const hook: Hook = {
    before: (context: HookContext) => void stages.push(["before", { flagKey: context.flagKey }]),
    after: (_context, details) => void stages.push(["after", details]),
    error: () => void stages.push(["error"]),
    finally: (_context, details) => void stages.push(["finally", details]),
  };
  return { hook, stages };
}

/** The scenarios of hooks.feature. @see OpenFeature specification, appendix B */
describe("hooks", () => {
  it("pass evaluation details to after and finally", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    const { hook, stages } = recorder();
    made.client.addHooks(hook);
    await made.client.getBooleanDetails("boolean_flag", false, acme);
    expect(stages.map(([stage]) => stage)).toEqual(["before", "after", "finally"]);
    for (const [, details] of stages.slice(1)) {
      expect(details).toMatchObject({
        flagKey: "boolean_flag",
        value: true,
        variant: "on",
        reason: "TARGETING_MATCH",
        flagMetadata: { mode: "full" },
      });
      expect(details?.errorCode).toBeUndefined();
    }
  });

  it.each([
    ["missing-flag", "uh-oh", "FLAG_NOT_FOUND"],
    ["boolean_flag", "uh-oh", "TYPE_MISMATCH"],
  ])("pass %s to error and finally", async (key, otherwise, errorCode) => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    const { hook, stages } = recorder();
    await made.client.getStringDetails(key, otherwise, acme, { hooks: [hook] });
    expect(stages.map(([stage]) => stage)).toEqual(["before", "error", "finally"]);
    expect(stages.at(-1)?.[1]).toMatchObject({ flagKey: key, value: otherwise, reason: "ERROR", errorCode });
  });
});

/** The scenarios of metadata.feature. @see OpenFeature specification, appendix B */
describe("metadata", () => {
  it("has values of every type that metadata has, and none but those", async () => {
    await using world = await flagWorld({
      tenants: [
        { tenant: "acme", plan: "pro" },
        { tenant: "big", plan: "enterprise" },
      ],
    });
    await using made = await clientOfWorld(world);
    const limited = await made.client.getNumberDetails("seats", 0, { ...acme, usage: { current: 20.5 } });
    expect(limited.flagMetadata).toEqual({
      mode: "full",
      reason: "granted",
      freshness: "fresh",
      version: "1.1",
      limit: 25,
      remaining: 4.5,
    });
    const unlimited = await made.client.getNumberDetails("seats", 0, { targetingKey: "big" });
    expect(unlimited.flagMetadata).toMatchObject({ unlimited: true });
  });

  it("is empty for what could not be resolved", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    const { flagMetadata } = await made.client.getBooleanDetails("missing-flag", false, acme);
    expect(flagMetadata).toEqual({});
  });

  it("names the provider", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    expect(made.client.metadata.providerMetadata).toEqual({ name: "dimmer" });
  });
});

/** The scenarios of contextMerging.feature: later levels win. @see OpenFeature specification, appendix B */
describe("context merging", () => {
  const LEVELS = ["API", "Transaction", "Client", "Invocation", "Before Hooks"] as const;

  it.each(LEVELS)("takes the tenant of the level %s, over all levels before it", async (level) => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    const { client } = made;
    const until = LEVELS.indexOf(level);
    const at = (index: number): object => ({
      ...(index <= until ? { targetingKey: index === until ? "insider" : "acme" } : {}),
      [`level${index}`]: LEVELS[index],
    });
    OpenFeature.setTransactionContextPropagator(new AsyncLocalStorageTransactionContextPropagator());
    OpenFeature.setContext({ ...at(0) });
    client.setContext({ ...at(2) });
    let merged: object = {};
    const before: Hook = { before: () => ({ ...at(4) }) };
    const seen: Hook = {
      finally: ({ context }) => {
        merged = context;
      },
    };
    const value = await new Promise<string>((resolve, reject) => {
      OpenFeature.setTransactionContext({ ...at(1) }, () => {
        client.getStringValue("context_aware", "none", { ...at(3) }, { hooks: [before, seen] }).then(resolve, reject);
      });
    });
    expect(value).toBe("INTERNAL");
    expect(merged).toMatchObject({
      targetingKey: "insider",
      ...Object.fromEntries(LEVELS.map((name, i) => [`level${i}`, name])),
    });
  });
});
