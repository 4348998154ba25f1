import type { Decision, FeatureDecision } from "@dimmer/core";
import { DimmerProvider } from "@dimmer/openfeature";
import type { Client, EvaluationDetails, FlagValue } from "@openfeature/server-sdk";
import { describe, expect, it } from "vitest";
import { dimmerAt, momentsForReplicas } from "../../../test/corpus/dimmer-at.ts";
import { type CorpusCase, type CorpusFile, loadCorpus } from "../../../test/corpus/load-corpus.ts";
import { clientOf } from "./flag-world.ts";

/** A flag asks about one name; a capability and a feature together are two flags. */
const isOneName = ({ ask: { capability, feature } }: CorpusCase): boolean =>
  (capability === undefined) !== (feature === undefined);

/** What a caller would use otherwise, of each type: never what an answer gives. */
const OTHERWISE = { boolean: true, limit: -7, string: "otherwise", json: { otherwise: true } } as const;

function evaluate(
  client: Client,
  { features }: CorpusFile["policy"],
  item: CorpusCase,
): Promise<EvaluationDetails<FlagValue>> {
  const { tenant, ask } = item;
  const { capability, feature = "", usage, principal } = ask;
  const context = { targetingKey: tenant, ...(principal && { principal }), ...(usage && { usage: { ...usage } }) };
  if (capability !== undefined) return client.getBooleanDetails(`can.${capability}`, !item.expected.allowed, context);
  const type = Object.hasOwn(features, feature) ? features[feature]?.type : "boolean";
  switch (type) {
    case "limit":
      return client.getNumberDetails(feature, OTHERWISE.limit, context);
    case "string":
      return client.getStringDetails(feature, OTHERWISE.string, context);
    case "json":
      return client.getObjectDetails(feature, OTHERWISE.json, context);
    default:
      return client.getBooleanDetails(feature, !item.expected.allowed, context);
  }
}

/** Whether a lock stands behind the name that there is not: the flag then tells the lock, so that no default opens it. */
function isUnknownUnderLock({ mode, reason }: Decision): boolean {
  return reason === "unknown_capability" && mode === "locked";
}

/** The value that a decision has as a flag. */
function flagValueOf({ policy }: CorpusFile, { ask, expected }: CorpusCase): FlagValue {
  const type = ask.feature === undefined ? "boolean" : policy.features[ask.feature]?.type;
  if (type === undefined || type === "boolean") return expected.allowed;
  if (!expected.allowed) return type === "limit" ? 0 : OTHERWISE[type];
  const { value } = expected as FeatureDecision;
  if (value === null && type === "limit") return Number.MAX_SAFE_INTEGER;
  return (value as FlagValue | null | undefined) ?? OTHERWISE[type];
}

const files = loadCorpus().filter(({ held, cases }) => held && cases.some(isOneName));

describe.each(files)("corpus $name", { timeout: 60_000 }, (file) => {
  it("D1 · the provider answers every case as decide does", async () => {
    let answered = 0;
    for (const cases of momentsForReplicas(file)) {
      await using dimmer = await dimmerAt(file, cases[0] as CorpusCase);
      await using made = await clientOf(new DimmerProvider({ dimmer }));
      for (const item of cases.filter((one) => isOneName(one) && one.tenant !== "")) {
        const details = await evaluate(made.client, file.policy, item);
        const { expected, title } = item;
        answered += 1;
        if (details.errorCode !== undefined) {
          // A name that the policy does not have: the caller's own default holds, unless the tenant is locked.
          expect([details.errorCode, expected.allowed], title).toEqual(["FLAG_NOT_FOUND", false]);
          expect(["unknown_capability", "feature_not_in_plan", "unknown_tenant"], title).toContain(expected.reason);
          continue;
        }
        const { mode, freshness } = expected;
        const reason = isUnknownUnderLock(expected) ? "locked" : expected.reason;
        expect(details.flagMetadata, title).toMatchObject({ mode, reason, freshness });
        // A lock keeps its cause to itself.
        expect(details.flagMetadata["cause"], title).toBe(reason === "locked" ? undefined : expected.cause);
        expect([details.value, details.variant], title).toEqual([
          flagValueOf(file, item),
          expected.allowed ? "on" : "off",
        ]);
      }
    }
    expect(answered).toBeGreaterThan(0);
  });
});
